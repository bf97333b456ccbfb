"""The catalogue's page as its reader uses it, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.scene_catalogs import HOSTILE, SECRET, ingest_megadb, make_catalog, serve_catalog
from treeline.catalog.database import open_to_read

if TYPE_CHECKING:
    from tests.browser.page import Page

ENTER, TAB = "\ue007", "\ue004"
LEFT, RIGHT, DOWN = "\ue012", "\ue014", "\ue015"

VIEWS = [
    "",
    "counts",
    "map",
    "times",
    "sequence?dataset=caltech&seq_id=sequence%2F1&file=1%2F001-1.jpg",
    "?class=nothing",
]
PICTURES_ARE_THERE = "[...document.images].every(i => i.complete && i.naturalWidth)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catalog")


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Path:
    return make_catalog(folder)[0]


@pytest.fixture(scope="module")
def site(catalog: Path, folder: Path) -> Iterator[str]:
    process, address = serve_catalog(catalog, "--images", str(folder / "photos"))
    yield address
    process.terminate()
    process.wait()


def rows(catalog: Path, query: str) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "dark"), [(380, False), (380, True), (1600, False), (1600, True)])
def test_every_view_fits_and_asks_no_other_host(
    page: Page, site: str, tmp_path: Path, view: str, width: int, dark: bool
) -> None:
    page.visit(site + view, width=width, height=900, dark=dark)
    page.wait_for("document.readyState === 'complete'")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints() == []
    assert all(address.startswith((site, "data:")) for address in page.addresses())
    ground = page.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (ground == "rgb(19, 21, 24)") is dark
    page.screenshot(tmp_path / "view.png")


def test_boxes_stand_where_the_catalogue_says(page: Page, site: str, catalog: Path) -> None:
    page.visit(site)
    page.wait_for("document.querySelectorAll('.box').length && document.images[0].naturalWidth")
    drawn = page.run(
        """return [...document.querySelectorAll('.tile')].flatMap(tile => {
            const picture = tile.querySelector('.picture').getBoundingClientRect();
            return [...tile.querySelectorAll('.box')].map(box => {
                const b = box.getBoundingClientRect();
                return [(b.x - picture.x) / picture.width, (b.y - picture.y) / picture.height,
                        b.width / picture.width, b.height / picture.height];
            });
        })"""
    )
    expected = rows(
        catalog,
        "SELECT x_min, y_min, width, height FROM boxes"
        " WHERE image IN (SELECT image FROM images ORDER BY image LIMIT 60)"
        " ORDER BY image, confidence DESC NULLS FIRST, box",
    )
    assert len(expected) > 20
    assert np.allclose(np.array(drawn), np.array(expected), atol=5e-3)


def test_pictures_have_the_shape_of_their_pixels(page: Page, site: str) -> None:
    page.visit(site)
    page.wait_for("document.images[0].naturalWidth && document.images[2].naturalWidth")
    shapes = page.run(
        "return [...document.querySelectorAll('.picture')].slice(0, 3).map(p => p.offsetWidth / p.offsetHeight)"
    )
    assert shapes == pytest.approx([4 / 3, 4 / 3, 1], rel=0.02)


def test_a_search_by_keyboard(page: Page, site: str, catalog: Path) -> None:
    page.visit(site)
    page.press("/", *"fox", ENTER)
    page.wait_for("location.search.includes('class=fox')")
    [(expected,)] = rows(catalog, "SELECT count(*) FROM image_facts WHERE list_contains(class, 'fox')")
    assert page.text("#status") == f"{expected} images"
    assert all("fox" in text for text in page.texts(".tile b"))


def test_the_status_tells_how_many_there_are(page: Page, site: str) -> None:
    page.visit(site)
    page.wait_for("document.getElementById('status').textContent === '120 images'")


def test_pages_turn_forth_and_back(page: Page, site: str) -> None:
    page.visit(site)
    first = page.run("return [...document.querySelectorAll('.tile')].map(t => t.href)")
    page.click("[rel=next]")
    page.wait_for("location.search.includes('after=')")
    second = page.run("return [...document.querySelectorAll('.tile')].map(t => t.href)")
    assert len({*first, *second}) == 120
    page.click("[rel=prev]")
    page.wait_for("location.search.includes('before=')")
    assert page.run("return [...document.querySelectorAll('.tile')].map(t => t.href)") == first


def test_from_the_gallery_through_a_sequence_by_keyboard(page: Page, site: str) -> None:
    page.visit(site)
    page.press(RIGHT, RIGHT, DOWN, LEFT)
    page.run("document.querySelectorAll('.tile')[0].focus()")
    page.press(RIGHT, LEFT)
    assert page.run("return document.activeElement === document.querySelectorAll('.tile')[0]")
    page.press(ENTER)
    page.wait_for("document.querySelector('.stage')")
    assert page.text(".line strong") == "Frame 1 of 3"
    page.press(RIGHT)
    page.wait_for("document.querySelector('.line strong')?.textContent.includes('2 of 3')")
    page.press(LEFT)
    page.wait_for("document.querySelector('.line strong')?.textContent.includes('1 of 3')")


def test_tab_reaches_every_field_and_tile(page: Page, site: str) -> None:
    page.visit(site + "?class=red+deer")
    reached = set()
    for _ in range(40):
        page.press(TAB)
        reached.add(page.run("return document.activeElement.name || document.activeElement.className"))
    assert {"class", "dataset", "location", "from", "to", "boxes", "confidence", "file", "tile"} <= reached


def test_boxes_can_be_hidden(page: Page, site: str) -> None:
    page.visit(site)
    page.press("b")
    assert page.run("return getComputedStyle(document.querySelector('.boxes')).visibility") == "hidden"


def test_the_sql_can_be_copied(page: Page, site: str, catalog: Path) -> None:
    page.visit(site + "counts?class=red+deer")
    page.run("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
    page.run("document.querySelector('.sql').open = true")
    page.click(".code .copy")
    page.wait_for("window.copied")
    assert dict(rows(catalog, page.run("return window.copied"))) == {"caltech": 21, "serengeti": 9}


def test_the_map_leads_to_a_location(page: Page, site: str) -> None:
    page.visit(site + "map")
    assert page.run("return document.querySelectorAll('.map circle').length") == 6
    page.click(".places tbody a")
    page.wait_for("location.search.includes('location=')")
    assert page.texts(".tile")


def test_a_theme_that_was_chosen_stays(page: Page, site: str) -> None:
    page.visit(site)
    page.click("#theme")
    page.visit(site + "times")
    assert page.run("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(19, 21, 24)"
    page.run("localStorage.clear()")


def test_without_images_it_says_what_to_give_and_hostile_words_are_text(page: Page, tmp_path: Path) -> None:
    hostile = {
        "dataset": HOSTILE,
        "seq_id": HOSTILE,
        "class": ["drop table images"],
        "location": HOSTILE,
        "images": [
            {"file": f"{HOSTILE}.jpg", "bbox": [{"category": "animal", "bbox": [0.1, 0.1, 0.5, 0.5], "class": HOSTILE}]}
        ],
    }
    ingest_megadb(tmp_path / "catalog.duckdb", [hostile])
    process, address = serve_catalog(tmp_path / "catalog.duckdb")
    try:
        page.visit(address)
        assert "--images" in page.text(".tile .reason")
        assert HOSTILE in page.text(".tile .caption")
        page.click(".tile")
        page.wait_for("document.querySelector('.stage .label')")
        assert HOSTILE in page.text(".stage .label")
        page.visit(address + "counts")
        assert HOSTILE in page.texts(".counts a")
        assert page.complaints() == []
        assert SECRET not in page.run("return document.documentElement.outerHTML")
    finally:
        process.terminate()
        process.wait()
