"""A report as its reader sees it, in Chromium, opened from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.analyses import make_analysis
from tests.browser.test_preview_colours import CONTRASTS
from tests.dataset_folders import make_dataset
from treeline.analyze.report import write_report
from treeline.io.datasets.metadata import write_metadata

if TYPE_CHECKING:
    from tests.browser.page import Page

TAB, ENTER = "\ue004", "\ue007"
LIGHT_INK, DARK_INK = "rgb(26, 28, 31)", "rgb(233, 233, 230)"
FITS = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
FOCUSED = "return document.activeElement.textContent.trim()"
INK_OF_A_FIGURE = "return getComputedStyle(document.querySelector('figure svg text')).fill"

POOR_IN_FIGURES = """
const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
};
const poor = [];
for (const figure of document.querySelectorAll('figure')) {
    const ground = getComputedStyle(figure).backgroundColor;
    for (const node of figure.querySelectorAll('svg text'))
        if (node.style.fill.startsWith('var(') && contrast(getComputedStyle(node).fill, ground) < 4.5)
            poor.push([figure.id, node.textContent]);
    for (const node of figure.querySelectorAll('svg [style*="var(--blue)"], svg [style*="var(--vermilion)"]')) {
        if (node.closest('defs')) continue;
        const look = getComputedStyle(node);
        if (contrast(look.fill === 'none' ? look.stroke : look.fill, ground) < 3) poor.push([figure.id, node.tagName]);
    }
}
return poor;
"""


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
    assert len(letters) > 20
    assert min(letters) >= 8.5  # pixels: that of the smallest common labels
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []


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
