"""The documentation as a site: `make docs` makes it of the repository's own Markdown, without the network.

The site has the repository's layout, so that a link between two pages is the same in both. Its navigation is the lists
of `docs/index.md`: a heading is a part of it, a list its pages, and a list below an entry the pages below that page.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "index.md"
ENTRY = re.compile(r"^( *)- \[([^\]]+)\]\(([^)#]+)\.md\)")
UNLISTED = "More"
"""Heading of the pages that no list names."""

sys.path.insert(0, str(ROOT / "scripts"))
from treeline import __version__ as release  # noqa: E402

project = "Treeline"
author = "Treeline contributors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "docs/index"
# Sphinx looks into every folder that is not excluded, and results may be large.
PARTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "config", "docs", "resources")
exclude_patterns = [entry.name for entry in ROOT.iterdir() if entry.name not in PARTS]

myst_heading_anchors = 6

html_theme = "furo"
html_title = f"Treeline {release}"
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_show_search_summary = False  # a page that is opened from the disk may not fetch others
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the pages' lists become the site's navigation."""
    app.connect("source-read", add_navigation)
    return {"parallel_read_safe": True}


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page the pages below it, if the index lists any."""
    source[0] += "".join(_toctree(page, heading, pages) for heading, pages in _navigation(app)[page].items())


def _navigation(app: Sphinx) -> dict[str, dict[str, list[str]]]:
    """The entries below each page, by their heading, which is empty below other pages than the index."""
    below: dict[str, dict[str, list[str]]] = defaultdict(dict)
    listed = {root_doc}
    heading = parent = ""
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif entry := ENTRY.match(line):
            page = str((INDEX.parent / f"{entry[3]}.md").resolve().relative_to(ROOT)).removesuffix(".md")
            if entry[1]:
                below[parent].setdefault("", []).append(f"{entry[2]} </{page}>")
            else:
                below[root_doc].setdefault(heading, []).append(f"{entry[2]} </{page}>")
                parent = page
            listed.add(page)
    if unlisted := sorted(app.env.found_docs - listed):
        below[root_doc][UNLISTED] = [f"/{page}" for page in unlisted]
    return below


def _toctree(page: str, heading: str, pages: list[str]) -> str:
    lines = [f":caption: {heading}"] * bool(heading)
    return "\n".join(["\n\n```{toctree}", ":hidden:", *lines, "", *pages, "```\n"])
