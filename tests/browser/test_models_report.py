"""A model's report as its reader sees it, in Chromium, opened from the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.reports import ENTER, FOCUSED, TAB, check_readable
from tests.understanding_cases import generated

if TYPE_CHECKING:
    from tests.browser.page import Page


@pytest.fixture(scope="module", params=["multiclass", "regression", "segmentation"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of a generated dataset, with its pictures."""
    case = generated(tmp_path_factory.mktemp(request.param), request.param, methods=("grad_cam", "occlusion"))
    return case.report().as_uri()


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_readable_on_a_telephone_and_on_a_wide_screen(page: Page, address: str, width: int, dark: bool) -> None:
    check_readable(page, address, width=width, dark=dark, figures=8)


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
