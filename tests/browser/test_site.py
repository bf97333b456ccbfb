"""The documentation's site in Chromium, opened from the disk: it can be read, reached, searched, and asks nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.site.__main__ import main
from tests.browser.reports import ENTER, FITS, TAB
from tests.browser.test_preview_colours import CONTRASTS

if TYPE_CHECKING:
    from tests.browser.page import Page

PAGES = (
    *("docs/index", "docs/quick-start", "docs/own-urls", "docs/errors", "docs/files", "docs/catalog", "docs/design"),
    *("README", "config/README", "docs/decisions", "docs/models-report"),
)
"""One of each kind: lists, code, tables wide and long, pictures, pages that are included or made."""

NARROW, WIDE = 380, 1600
FOCUS = "const e = document.activeElement; return e.getAttribute('href') || e.name || e.title || e.className"
VISIBLE = """
const r = document.activeElement.getBoundingClientRect();
return r.width > 0 && r.height > 0 && r.top < innerHeight;
"""
RUNS_OVER = """
return [...document.querySelectorAll('main *')].filter(e => {
    const r = e.getBoundingClientRect();
    if (r.right <= innerWidth + 1 || !e.checkVisibility()) return false;
    for (let at = e; at; at = at.parentElement) if (getComputedStyle(at).overflowX !== 'visible') return false;
    return true;
}).map(e => e.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    assert main(folder) == 0
    return folder


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(NARROW, False), (NARROW, True), (WIDE, False), (WIDE, True)])
def test_a_page_can_be_read(page: Page, site: Path, tmp_path: Path, name: str, width: int, dark: bool) -> None:
    page.visit((site / f"{name}.html").as_uri(), width=width, dark=dark)
    page.wait_for("[...document.images].every(i => i.complete && i.naturalWidth)")
    page.screenshot(tmp_path / "page.png")
    assert page.run(FITS)
    assert page.run(RUNS_OVER) == []
    assert page.run(CONTRASTS) == []
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []


def test_the_front_page_is_the_documentation(page: Page, site: Path) -> None:
    page.visit((site / "index.html").as_uri())
    page.wait_for("location.pathname.endsWith('/docs/index.html')")
    assert "Treeline" in page.text("h1")


def test_the_keyboard_reaches_content_navigation_and_search(page: Page, site: Path) -> None:
    page.visit((site / "docs/index.html").as_uri(), width=WIDE)
    reached = []
    for _ in range(14):
        page.press(TAB)
        reached.append(page.run(FOCUS))
        assert page.run(VISIBLE), reached
    assert reached[0] == "#furo-main-content"
    assert "q" in reached
    assert "quick-start.html" in reached
    page.run("document.querySelector('.sidebar-tree a[href=\"own-urls.html\"]').focus()")
    page.press(ENTER)
    page.wait_for("location.pathname.endsWith('/own-urls.html')")


def test_something_is_found_by_the_keyboard_alone(page: Page, site: Path) -> None:
    page.visit((site / "docs/index.html").as_uri(), width=WIDE)
    page.press("/")
    page.wait_for("document.activeElement.name === 'q'")
    page.press(*"camtrap", ENTER)
    page.wait_for("document.querySelectorAll('#search-results .search li a').length > 0")
    assert any("Camtrap DP" in found for found in page.texts("#search-results .search li"))
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []


def test_on_a_narrow_screen_the_navigation_opens_and_closes(page: Page, site: Path) -> None:
    page.visit((site / "docs/index.html").as_uri(), width=NARROW)
    link = "document.querySelector('.sidebar-tree a').getBoundingClientRect()"
    assert page.run(f"return {link}.right <= 0")
    page.click("header .nav-overlay-icon, .mobile-header .nav-overlay-icon")
    page.wait_for(f"{link}.left >= 0")


def test_a_chosen_theme_stays(page: Page, site: Path) -> None:
    page.visit((site / "docs/index.html").as_uri(), width=WIDE)
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = page.run(ground)
    page.click(".content-icon-container .theme-toggle")
    page.click(".content-icon-container .theme-toggle")
    chosen = {page.run("return document.body.dataset.theme")}
    page.visit((site / "docs/design.html").as_uri(), width=WIDE)
    assert {page.run("return document.body.dataset.theme")} == chosen
    assert before != page.run(ground) or chosen == {"light"}
    page.run("localStorage.clear()")


def test_the_recording_plays_and_stands_still_for_who_wants_that(page: Page, site: Path) -> None:
    [picture] = sorted((site / "_images").glob("recording*.svg"))
    moved = "return getComputedStyle(document.getElementById('lines')).transform"
    page.visit(picture.as_uri())
    page.run("document.getAnimations().forEach(a => { a.pause(); a.currentTime = 2000; })")
    begin = page.run(moved)
    page.run("document.getAnimations().forEach(a => { a.currentTime = 60000; })")
    assert page.run(moved) != begin
    page.visit(picture.as_uri(), still=True)
    assert page.run("return document.getAnimations().length") == 0
    assert page.run(moved) not in ("none", begin)
