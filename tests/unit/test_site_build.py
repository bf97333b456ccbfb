"""The site of a small repository: its navigation, its links, and what breaks a build."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from docs.site.__main__ import ROOT, main

INDEX = """# Small

## Begin

- [First](first.md): one
  - [Second](sub/second.md): below it
- [Read me](../README.md)
"""
FIRST = "# The first page\n\nSee [a place](sub/second.md#a-place), [a file](../config/some.yaml), [x](../README.md).\n"
FILES = {
    "docs/index.md": INDEX,
    "docs/first.md": FIRST,
    "docs/sub/second.md": "# The second page\n\n## A place\n\nText.\n",
    "docs/nobody-lists-it.md": "# A page of its own\n",
    "README.md": "# Read me\n\nOn [the first page](docs/first.md).\n",
    "config/some.yaml": "key: value\n",
    "results/README.md": "# Not of the documentation\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    shutil.copytree(ROOT / "docs/site", root / "docs/site", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "scripts").symlink_to(ROOT / "scripts")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_lists_become_the_navigation_and_links_lead_where_they_should(repository: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert main(site, repository) == 0
    page = (site / "docs/first.html").read_text()
    tree = page[page.index('class="sidebar-tree"') : page.index('id="furo-main-content"')]
    assert re.findall(r'caption-text">([^<]+)<', tree) == ["Begin", "More"]
    assert re.findall(r'href="([^"]+)">([^<]+)</a>', tree) == [
        ("#", "First"),
        ("sub/second.html", "Second"),
        ("../README.html", "Read me"),
        ("nobody-lists-it.html", "A page of its own"),
    ]
    assert 'href="sub/second.html#a-place"' in page
    [copied] = re.findall(r'href="([^"]+some\.yaml)"', page)
    assert (site / "docs" / copied).read_text() == "key: value\n"
    assert 'url=docs/index.html"' in (site / "index.html").read_text()
    assert not (site / "results").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[x](missing.md)", "missing.md"),
        ("[x](sub/second.md#no-such-place)", "no-such-place"),
        ("[x](#no-such-place)", "no-such-place"),
        ("[x](../config/missing.yaml)", "missing.yaml"),
        ("![x](missing.png)", "missing.png"),
    ],
)
def test_what_leads_nowhere_breaks_the_build(
    repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, named: str
) -> None:
    (repository / "docs/first.md").write_text(f"# The first page\n\n{text}\n")
    assert main(tmp_path / "site", repository) != 0
    assert named in capfd.readouterr().err
