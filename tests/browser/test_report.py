"""The report as its reader sees it, in Chromium, opened from the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.reports import ENTER, FITS, FOCUSED, INK_OF_A_FIGURE, LIGHT_INK, TAB, check_readable
from tests.report_tables import empty_tables, report_tables, write_report

if TYPE_CHECKING:
    from tests.browser.page import Page

SERVERS = 40
PAPER = 718
"""Pixels between the margins of A4, at 96 an inch."""

FIRST_CELLS = "#servers tbody th"
NUMBERS = "return [...document.querySelectorAll('#servers tbody tr')].map(r => Number(r.cells[1].dataset.value))"
HEADING = "document.querySelectorAll('#servers th button')"
SORTED = "return document.querySelectorAll('#servers thead th')[1].getAttribute('aria-sort')"

PLACE = """
const {x, y, width, height} = document.querySelector(arguments[0]).getBoundingClientRect();
return [x, y, width, height];
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of everything there can be."""
    return write_report(report_tables(SERVERS), tmp_path_factory.mktemp("report")).as_uri()


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_readable_on_a_telephone_and_on_a_wide_screen(page: Page, address: str, width: int, dark: bool) -> None:
    check_readable(page, address, width=width, dark=dark, figures=24)


def test_the_keyboard_goes_through_the_contents(page: Page, address: str) -> None:
    page.visit(address)
    assert page.texts("nav a") == page.texts("h2")
    page.press(TAB)
    assert page.run(FOCUSED) == "Skip to the content"
    while page.run(FOCUSED) != "Errors":
        page.press(TAB)
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(ENTER)
    assert page.run(
        "const top = document.querySelector('#errors h2').getBoundingClientRect().top; return top >= 0 && top < 200"
    )


def test_a_table_is_sorted_by_the_keyboard(page: Page, address: str) -> None:
    page.visit(address)
    before = page.run(NUMBERS)
    assert len(before) == SERVERS and before == sorted(before, reverse=True)
    page.run(f"{HEADING}[1].focus()")
    page.press(ENTER)
    assert page.run(SORTED) == "descending"
    page.press(ENTER)
    assert page.run(SORTED) == "ascending"
    assert page.run(NUMBERS) == sorted(before)
    page.run(f"{HEADING}[0].focus()")
    page.press(ENTER)
    assert page.run(SORTED) is None
    assert page.texts(FIRST_CELLS) == sorted(page.texts(FIRST_CELLS))
    assert page.complaints() == []


def test_every_part_says_what_it_is(page: Page, address: str) -> None:
    page.visit(address)
    names = page.run("return [...document.querySelectorAll('figure svg')].map(s => s.getAttribute('aria-label'))")
    assert all(names) and len(names) == len(set(names))
    numbers = [caption.split(".")[0] for caption in page.texts("figcaption b")]
    assert numbers == [f"Figure {place}" for place in range(1, len(names) + 1)]
    assert page.run("return [...document.querySelectorAll('section')].every(s => s.ariaLabelledByElements.length)")
    assert page.run("return [...document.images].every(i => i.alt.length > 3)")
    assert page.run("return document.querySelectorAll('main').length") == 1


def test_boxes_lie_on_their_pictures(page: Page, address: str) -> None:
    page.visit(address, width=1600)
    frame, picture = (page.run(PLACE, f".shot {name}") for name in ("rect", "img"))
    # The first picture is as wide as its place: the box is at a tenth of its width and a fifth of its height.
    assert frame[0] - picture[0] == pytest.approx(0.1 * picture[2], abs=3)
    assert frame[1] - picture[1] == pytest.approx(0.2 * picture[3], abs=3)
    assert frame[2] == pytest.approx(0.4 * picture[2], abs=5)


def test_on_paper_tables_are_whole_and_light(page: Page, address: str) -> None:
    page.visit(address, width=PAPER, dark=True)
    page.emulate_print()
    assert page.run("return getComputedStyle(document.querySelector('.panel')).display") == "none"
    assert page.run(INK_OF_A_FIGURE) == LIGHT_INK
    assert page.run(FITS)
    shown, whole = page.run(
        "const r = document.querySelector('#servers .scroll'); return [r.clientHeight, r.scrollHeight]"
    )
    assert shown == whole


def test_a_page_of_nothing_fits_too(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    page.visit(write_report(empty_tables(), tmp_path_factory.mktemp("nothing")).as_uri(), width=380)
    assert page.run(FITS)
    assert page.texts("h2") == ["Overview", "Provenance"]
    assert page.complaints() == []
