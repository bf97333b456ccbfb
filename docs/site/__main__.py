"""Build the site: `make docs`.

    python -m docs.site [FOLDER]          default: build/site

Pages that have not changed are not read again. Whatever Sphinx warns of, such as a link or an anchor that leads
nowhere, is an error. The front page is `index.html`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site"
FRONT = """<!DOCTYPE html>
<meta charset="utf-8"><title>Treeline</title><meta http-equiv="refresh" content="0; url=docs/index.html">
<a href="docs/index.html">Treeline</a>
"""


def main(folder: Path = SITE, root: Path = ROOT) -> int:
    """Build the site.

    Args:
        folder: Target; what it held before is replaced.
        root: The repository.

    Returns:
        Exit status, 0 if nothing is wrong.
    """
    cache = folder.parent / f".{folder.name}-cache"
    shutil.rmtree(folder, ignore_errors=True)  # so that no page of an earlier build stays
    status = build_main(
        [
            *("--builder", "html", "--quiet", "--fail-on-warning", "--nitpicky"),
            *("--conf-dir", str(root / "docs" / "site"), "--doctree-dir", str(cache)),
            *(str(root), str(folder)),
        ]
    )
    if status == 0:
        (folder / "index.html").write_text(FRONT, encoding="utf-8")
        print(f"{folder}/index.html")
    return status


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
