"""A report as its reader sees it, in Chromium, opened from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.analyses import make_analysis
from tests.browser.reports import (
    DARK_INK,
    ENTER,
    FOCUSED,
    INK_OF_A_FIGURE,
    TAB,
    check_readable,
)
from tests.dataset_folders import make_dataset
from treeline.analyze.report import write_report
from treeline.io.datasets.metadata import write_metadata

if TYPE_CHECKING:
    from tests.browser.page import Page


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of rasters, which have all sections, in the folder of a dataset with pictures."""
    folder: Path = tmp_path_factory.mktemp("report")
    write_metadata(make_dataset(folder / "drawn").metadata, folder / "metadata.h5")
    make_analysis(folder / "analysis", is_raster=True)
    write_report(folder / "analysis", folder / "analysis" / "report.html")
    return (folder / "analysis" / "report.html").as_uri()


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_readable_on_a_telephone_and_on_a_wide_screen(page: Page, address: str, width: int, dark: bool) -> None:
    check_readable(page, address, width=width, dark=dark, figures=21)


def test_the_theme_can_be_chosen(page: Page, address: str) -> None:
    page.visit(address, dark=False)
    page.run("localStorage.clear(); delete document.documentElement.dataset.theme")
    assert page.text("#theme") == "Dark"
    page.click("#theme")
    assert page.run(INK_OF_A_FIGURE) == DARK_INK
    assert page.text("#theme") == "Light"
    page.run("localStorage.clear()")


def test_the_keyboard_goes_through_the_contents(page: Page, address: str) -> None:
    page.visit(address)
    page.press(TAB)
    assert page.run(FOCUSED) == "Skip to the content"
    page.press(TAB, TAB, TAB)
    links = page.texts("nav a")
    assert page.run(FOCUSED) in links
    titles = page.texts("h2")
    assert links == titles
    while page.run(FOCUSED) != "Place":
        page.press(TAB)
    page.press(ENTER)
    assert page.run(
        "const top = document.querySelector('#place h2').getBoundingClientRect().top; return top >= 0 && top < 200"
    )


def test_every_figure_says_what_it_is(page: Page, address: str) -> None:
    page.visit(address)
    names = page.run("return [...document.querySelectorAll('figure svg')].map(s => s.getAttribute('aria-label'))")
    assert all(names) and len(names) == len(set(names))
    numbers = [caption.split(".")[0] for caption in page.texts("figcaption b")]
    assert numbers == [f"Figure {place}" for place in range(1, len(names) + 1)]
