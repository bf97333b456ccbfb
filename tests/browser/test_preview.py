"""A preview as its reader uses it, in Chromium, opened from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.previews import CATEGORIES, detection, make_preview, preview_data, write_results
from tests.shards import encode

if TYPE_CHECKING:
    from tests.browser.page import Page


ENTER, ESCAPE, TAB, HOME, END = "\ue007", "\ue00c", "\ue004", "\ue011", "\ue010"
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"

KINDS = [*sorted(CATEGORIES.values()), "just below", "empty", "failed"]
READY = "document.querySelector('.tile')"


def shown(page: Page) -> int:
    """How many images the page says that it shows."""
    return int(page.text("#status strong").replace(",", ""))


def column(page: Page, number: int) -> list[int]:
    """A column of the table of kinds, its total last."""
    cells = page.texts(f".kinds tr td:nth-child({number})")
    return [int(cell.replace(",", "")) for cell in cells]


def kinds_of(image: dict[str, Any], threshold: float, categories: list[str]) -> set[str]:
    """What an image is, reckoned anew."""
    if image["failure"]:
        return {"failed"}
    found = {categories[box[0]] for box in image["boxes"] if box[1] >= threshold}
    if found:
        return found
    return {"just below" if threshold > 0 and any(box[1] >= threshold / 2 for box in image["boxes"]) else "empty"}


def focused(page: Page) -> str:
    """Which image has the keyboard."""
    return str(page.run("return document.activeElement.title"))


def test_it_opens_from_the_disk_and_asks_nothing_of_any_network(page: Page, preview: Path) -> None:
    page.open(preview)
    page.wait_for("[...document.images].length && [...document.images].every(i => i.complete && i.naturalWidth)")
    assert page.requested() <= {"file", "data"}
    assert page.complaints() == []


def test_the_counts_are_right_at_every_threshold_and_add_up(page: Page, preview: Path) -> None:
    data = preview_data(preview)
    page.open(preview)
    for step in (0, 1, 5, 20, 37, 50, 90, 99, 100):
        page.set_threshold(step)
        kinds = [kinds_of(image, step / 100, data["categories"]) for image in data["images"]]
        *sample, total = column(page, 2)
        assert sample == [sum(kind in found for found in kinds) for kind in KINDS]
        assert total == len(kinds) == shown(page)
        # All images of this collection are drawn: both columns say the same.
        assert column(page, 3) == column(page, 2)
        with_any = sum(not found & {"just below", "empty", "failed"} for found in kinds)
        assert with_any + sum(sample[3:]) == total


def test_boxes_stand_where_the_results_say(page: Page, preview: Path) -> None:
    data = preview_data(preview)
    by_file = {(image["id"]): image for image in data["images"]}
    page.open(preview)
    page.set_threshold(30)
    drawn = page.run(
        """return [...document.querySelectorAll('.tile')].map(tile => {
            const id = tile.querySelector('img')?.src.match(/(\\w+)\\.jpg/)[1];
            const picture = tile.querySelector('.picture').getBoundingClientRect();
            return [id, [...tile.querySelectorAll('.box:not(.faint)')].map(box => {
                const b = box.getBoundingClientRect();
                return [(b.x - picture.x) / picture.width, (b.y - picture.y) / picture.height,
                        b.width / picture.width, b.height / picture.height];
            }), picture.width / picture.height];
        })"""
    )
    checked = 0
    for identity, boxes, aspect in drawn:
        if identity is None:
            continue
        image = by_file[identity]
        expected = [box[2:6] for box in image["boxes"] if box[1] >= 0.3]
        assert np.allclose(np.array(boxes), np.array(expected), atol=1e-3)
        assert aspect == pytest.approx(image["width"] / image["height"], rel=1e-2)
        checked += len(expected)
    assert checked > 20


def test_the_slider_follows_the_keyboard(page: Page, preview: Path) -> None:
    page.open(preview)
    page.run("document.getElementById('threshold').focus()")
    page.press(RIGHT, RIGHT, "[", "]", "]")
    assert page.text("#threshold-value") == "0.23"
    assert page.run("return document.getElementById('threshold').getAttribute('aria-valuetext')") == "0.23"


def test_filters_leave_what_passes_all_of_them(page: Page, preview: Path) -> None:
    images = preview_data(preview)["images"]
    page.open(preview)
    page.choose("server", "a.org:80")
    assert shown(page) == sum(image["server"] == "a.org:80" for image in images)
    page.choose("text", "SCENE-1")
    expected = [image for image in images if image["server"] == "a.org:80" and "scene-1" in image["file"]]
    assert shown(page) == len(expected)
    assert column(page, 2)[-1] == len(expected)
    page.choose("text", "no such name")
    assert page.text("#nothing")
    page.click("#reset")
    assert shown(page) == len(images)


def test_kinds_can_be_left_out(page: Page, preview: Path) -> None:
    data = preview_data(preview)
    page.open(preview)
    for number, kind in enumerate(KINDS, start=1):
        if kind != "person":
            page.click(f"#kinds tr:nth-child({number}) input")
    with_person = [image for image in data["images"] if "person" in kinds_of(image, 0.2, data["categories"])]
    assert shown(page) == len(with_person) > 0
    captions = page.texts(".tile .caption")
    assert all("person" in caption and "animal" not in caption for caption in captions)


def test_locations_and_classes_can_be_chosen(page: Page, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    entries = []
    for number in range(6):
        found = {**detection("1", 0.9 - number / 10), "classifications": [[str(number % 2), 0.5]]}
        entries.append({"file": f"cam{number % 3}/{number}.jpg", "detections": [found]})
        (tmp_path / "photos" / f"cam{number % 3}").mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), "olive").save(tmp_path / "photos" / entries[-1]["file"])
    classes = {"0": "red deer", "1": "fox"}
    results = write_results(tmp_path / "r.json", entries, classification_categories=classes)
    make_preview(results, tmp_path / "photos", tmp_path / "out")
    page.open(tmp_path / "out")
    assert page.texts("#location option") == ["all locations", "cam0 (2)", "cam1 (2)", "cam2 (2)"]
    assert page.run("return document.getElementById('server')") is None
    page.choose("location", "cam1")
    assert shown(page) == 2
    page.choose("class", "fox")
    assert shown(page) == 1
    page.set_threshold(95)
    assert shown(page) == 0


def test_the_keyboard_goes_everywhere(page: Page, preview: Path) -> None:
    page.open(preview)
    names = page.run("return select(state).shown.map(image => image.file)")
    page.run("document.querySelector('.tile button[tabindex=\"0\"]').focus()")
    page.press(RIGHT, RIGHT, LEFT)
    assert focused(page) == names[1]
    page.press(DOWN)
    below = page.run("return grid.active")
    assert page.run("return rowOf(grid.places.rows, arguments[0])", below) == 1
    page.press(UP, HOME, END)
    assert focused(page) == names[-1]
    assert page.run("return document.activeElement.getBoundingClientRect().bottom <= innerHeight")
    page.press(ENTER)
    assert page.text("#detail-file") == names[-1]
    page.press(LEFT)
    assert page.text("#detail-file") == names[-2]
    page.press(ESCAPE)
    page.until(lambda: focused(page) == names[-2])


def test_the_detail_view_tells_all(page: Page, preview: Path) -> None:
    data = preview_data(preview)
    image = max(data["images"], key=lambda candidate: len(candidate["boxes"]))
    page.open(preview, f"#image={image['id']}")
    page.wait_for("document.querySelector('#stage img').complete && document.querySelector('#stage img').naturalWidth")
    assert page.text("#detail-file") == image["file"]
    facts = page.texts("#detail-facts dd")
    assert {image["server"], "2024-05-06 07:08:09", "CC-BY"} <= set(facts)
    assert page.run("return document.querySelector('#detail-facts a').href") == "https://example.org/1"
    assert len(page.texts("#detail-boxes li")) == len(image["boxes"])
    labels = page.texts("#stage .label")
    assert len(labels) == sum(box[1] >= 0.2 for box in image["boxes"])
    page.press("b")
    assert page.run("return getComputedStyle(document.querySelector('#stage .boxes')).visibility") == "hidden"


def test_a_view_can_be_linked(page: Page, preview: Path) -> None:
    page.open(preview)
    page.set_threshold(45)
    page.choose("server", "b.org")
    page.choose("sort", "file")
    page.click("#kinds tr:nth-child(1) input")
    page.wait_for("location.hash.includes('threshold=0.45') && location.hash.includes('show=')")
    address, before = page.run("return location.hash"), (shown(page), page.texts(".tile .caption"))
    page.open(preview, address)
    assert (shown(page), page.texts(".tile .caption")) == before
    assert page.text("#threshold-value") == "0.45"


def test_it_fits_a_phone(page: Page, preview: Path) -> None:
    page.open(preview, width=360, height=740)
    assert page.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert not page.run("return document.getElementById('filters').open")
    assert shown(page) > 0
    page.click(".tile button")
    assert page.run("const r = document.querySelector('#stage .picture').getBoundingClientRect(); return r.width > 300")
    assert page.run("return document.getElementById('close').getBoundingClientRect().right <= 360")


def test_names_from_strangers_are_only_text(page: Page, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    name = "<img src=x onerror=document.title=1>&amp;'\"\u2028.jpg"
    Image.new("RGB", (64, 48), "olive").save(tmp_path / "photos" / name)
    entry = {"file": name, "location": "<b>", "detections": [detection("1", 0.9)]}
    categories = {"1": "<script>document.title=1</script>"}
    results = write_results(tmp_path / "r.json", [entry], detection_categories=categories)
    make_preview(results, tmp_path / "photos", tmp_path / "out")
    page.open(tmp_path / "out", "#image=" + preview_data(tmp_path / "out")["images"][0]["id"])
    assert page.run("return document.getElementById('detail-file').textContent") == name
    assert page.run("return document.title") == "r.json: detections"
    assert page.complaints() == []


ENOUGH_IN_WINDOW = """[...document.querySelectorAll('.tile')].map(tile => tile.getBoundingClientRect())
    .filter(place => place.bottom > 0 && place.top < innerHeight).length >= 4"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preview of 10,000 images; their pictures are one and the same."""
    root = tmp_path_factory.mktemp("large")
    photo = encode(Image.new("RGB", (64, 48), "olive"), "JPEG")
    (root / "photos").mkdir()
    rng = np.random.default_rng(1)
    entries = []
    for number in range(10_000):
        (root / "photos" / f"{number:05}.jpg").write_bytes(photo)
        boxes = [detection(str(rng.integers(1, 4)), round(float(rng.random()), 3)) for _ in range(rng.integers(0, 4))]
        entries.append({"file": f"{number:05}.jpg", "detections": boxes})
    make_preview(write_results(root / "r.json", entries), root / "photos", root / "out", sample=10_000)
    return root / "out"


def test_of_many_images_only_those_near_the_window_are_in_the_page(page: Page, large: Path) -> None:
    page.open(large)
    assert shown(page) == 10_000
    height = page.run("return document.documentElement.scrollHeight")
    seen: set[str] = set()
    for top in range(0, height + 900, 900 * 8):
        page.run("scrollTo(0, arguments[0])", top)
        page.wait_for(ENOUGH_IN_WINDOW)
        tiles = page.run("return [...document.querySelectorAll('.tile button')].map(button => button.title)")
        assert len(tiles) < 200
        seen |= set(tiles)
    assert len(seen) > 2_000
    page.set_threshold(80)
    data = preview_data(large)
    expected = [kinds_of(image, 0.8, data["categories"]) for image in data["images"]]
    assert column(page, 2)[:3] == [sum(kind in found for found in expected) for kind in KINDS[:3]]
