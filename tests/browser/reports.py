"""What is asked of each report in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.test_preview_colours import CONTRASTS

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


def check_readable(page: Page, address: str, *, width: int, dark: bool, figures: int) -> None:
    """Check that a report fits the screen, is legible, and asks nobody for anything.

    Args:
        page: The browser's.
        address: The report's.
        width: Of the screen, in pixels.
        dark: The reader's wish.
        figures: That there are at least.
    """
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
    assert len(letters) >= figures
    assert min(letters) >= 8.5  # pixels: that of the smallest common labels
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []
