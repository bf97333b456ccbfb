"""A model's report as its reader sees it, in Chromium, opened from the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.test_analyze_report import DARK_INK, FITS, FOCUSED, INK_OF_A_FIGURE, LIGHT_INK, POOR_IN_FIGURES
from tests.browser.test_preview_colours import CONTRASTS
from tests.understanding_cases import generated

if TYPE_CHECKING:
    from tests.browser.page import Page

TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module", params=["multiclass", "regression", "segmentation"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of a generated dataset, with its pictures."""
    case = generated(tmp_path_factory.mktemp(request.param), request.param, methods=("grad_cam", "occlusion"))
    return case.report().as_uri()


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_readable_on_a_telephone_and_on_a_wide_screen(page: Page, address: str, width: int, dark: bool) -> None:
    page.visit(address, width=width, dark=dark)
    page.wait_for("[...document.images].length && [...document.images].every(i => i.complete && i.naturalWidth)")
    assert page.run(FITS)
    assert page.run(INK_OF_A_FIGURE) == (DARK_INK if dark else LIGHT_INK)
    assert page.run(CONTRASTS) == []
    assert page.run(POOR_IN_FIGURES) == []
    letters = page.run(
        "return [...document.querySelectorAll('figure svg')].map("
        "s => 7 * s.getBoundingClientRect().width / s.viewBox.baseVal.width)"
    )
    assert len(letters) >= 8
    assert min(letters) >= 8.5  # pixels: that of the smallest common labels
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []


def test_the_keyboard_goes_through_the_contents(page: Page, address: str) -> None:
    page.visit(address)
    assert page.texts("nav a") == page.texts("h2")
    page.press(TAB)
    assert page.run(FOCUSED) == "Skip to the content"
    for _ in page.texts("nav a") + ["", ""]:
        page.press(TAB)
        if page.run(FOCUSED) == "Errors":
            break
    page.press(ENTER)
    assert page.run(
        "const top = document.querySelector('#errors h2').getBoundingClientRect().top; return top >= 0 && top < 200"
    )


def test_every_figure_says_what_it_is(page: Page, address: str) -> None:
    page.visit(address)
    names = page.run("return [...document.querySelectorAll('figure svg')].map(s => s.getAttribute('aria-label'))")
    assert all(names) and len(names) == len(set(names))
