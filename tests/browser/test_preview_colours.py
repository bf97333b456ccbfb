"""A preview's colours in Chromium: light and dark, and text that can be read on both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.previews import preview_data

if TYPE_CHECKING:
    from tests.browser.page import Page


@pytest.mark.parametrize("system_is_dark", [False, True])
def test_light_and_dark_follow_the_system_until_one_is_chosen(page: Page, preview: Path, system_is_dark: bool) -> None:
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    page.open(preview, dark=system_is_dark)
    page.run("localStorage.clear(); delete document.documentElement.dataset.theme")
    before = page.run(ground)
    page.click("#theme")
    after = page.run(ground)
    assert {before, after} == {"rgb(246, 246, 243)", "rgb(19, 21, 24)"}
    assert (before == "rgb(19, 21, 24)") == system_is_dark
    page.run("localStorage.clear()")


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_contrast(page: Page, preview: Path, dark: bool) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 against the ground behind it."""
    page.open(preview, "#image=" + preview_data(preview)["images"][0]["id"], dark=dark)
    poor = page.run(CONTRASTS)
    assert poor == []


CONTRASTS = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const groundOf = node => {
    for (let at = node; at; at = at.parentElement) {
        const colour = rgba(getComputedStyle(at).backgroundColor);
        if (colour[3] > 200) return colour;
    }
    return [255, 255, 255];
};
const poor = [];
for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (!own || node.disabled || node.matches('script, noscript, option') || !node.checkVisibility()) continue;
    const [one, other] = [light(rgba(getComputedStyle(node).color)), light(groundOf(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.push([node.tagName, node.className, node.textContent.slice(0, 40), ratio]);
}
return poor;
"""
