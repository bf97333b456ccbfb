"""The page on which a person decides is whole, needs no network, and cannot be broken by names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipeline import tree
from tests.shards import encode, exif, picture
from treeline.detections.repeats.candidates import read_candidates
from treeline.detections.repeats.review import make_review
from treeline.errors import InputError
from treeline.io.parquet import sha256_of_file
from treeline.io.tar import tar_writer

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 &amp; \"'.jpg"


def candidate(number: int, names: list[str], **changes: Any) -> dict[str, Any]:
    occurrences = [
        {"file": name, "conf": 0.5 + place / 100, "bbox": [0.1, 0.1, 0.2, 0.2]} for place, name in enumerate(names)
    ]
    facts = {"number": number, "location": "c", "category": "animal", "bbox": [0.1, 0.1, 0.2, 0.2]}
    return {**facts, "occurrences": occurrences, **changes}


def write(folder: Path, *candidates: dict[str, Any]) -> Path:
    file = folder / "candidates.json"
    file.write_text(json.dumps({"parameters": {}, "candidates": candidates}))
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "c").mkdir(parents=True)
    for number in range(9):
        data = encode(Image.fromarray(picture(1200, 1600)), "JPEG", exif=exif(6 if number == 8 else 1))
        (folder / "c" / f"{number}.jpg").write_bytes(data)
    (tmp_path / "secret.jpg").write_bytes(encode(Image.fromarray(picture()), "JPEG"))
    return folder


class Page(HTMLParser):
    """Collects the scripts, and every address that the page names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.scripts and self.cdata_elem == "script":
            self.scripts[-1] += data


def data_of(review: Path) -> dict[str, Any]:
    page = Page((review / "index.html").read_text(encoding="utf-8"))
    assert len(page.scripts) == 2
    return dict(json.loads(page.scripts[0]))


def test_each_candidate_has_its_sample_and_its_crops(tmp_path: Path, images: Path) -> None:
    candidates = write(tmp_path, candidate(1, [f"c/{number}.jpg" for number in range(9)]), candidate(2, ["c/0.jpg"]))
    assert make_review(candidates, images, tmp_path / "review") == 0
    data = data_of(tmp_path / "review")
    assert data["sha256"] == sha256_of_file(candidates)
    first, second = data["candidates"]
    assert (first["file"], first["count"], first["lowest"], first["highest"]) == ("c/8.jpg", 9, 0.5, 0.58)
    # EXIF turns the sample by a quarter, as the detector has seen it.
    assert (first["height"], first["width"]) == (960, 720)
    with Image.open(tmp_path / "review" / first["image"]) as sample:
        assert sample.size == (720, 960)
    with Image.open(tmp_path / "review" / first["crops"]) as crops:
        assert crops.size == (6 * 160, 120)
    assert (second["width"], second["crops"]) == (960, None)


def test_the_page_names_nothing_outside_of_its_folder(tmp_path: Path, images: Path) -> None:
    make_review(write(tmp_path, candidate(1, ["c/0.jpg", "c/1.jpg"])), images, tmp_path / "review")
    text = (tmp_path / "review" / "index.html").read_text(encoding="utf-8")
    assert Page(text).addresses == []
    assert re.findall(r"https?:|//[a-z]+\.|@import|url\(", text) == []
    (entry,) = data_of(tmp_path / "review")["candidates"]
    files = {str(file.relative_to(tmp_path / "review")) for file in (tmp_path / "review").rglob("*.*")}
    assert files == {"index.html", entry["image"], entry["crops"]}


def test_names_are_text_whatever_is_in_them(tmp_path: Path, images: Path) -> None:
    one = candidate(1, ["c/0.jpg"], location=HOSTILE, category=HOSTILE)
    other = candidate(2, [HOSTILE])
    assert make_review(write(tmp_path, one, other), images, tmp_path / "review") == 1
    first, second = data_of(tmp_path / "review")["candidates"]
    assert first["location"] == first["category"] == second["file"] == HOSTILE


@pytest.mark.parametrize("name", ["c/none.jpg", "../secret.jpg", "c", "c/broken.jpg", "c/\0.jpg"])
def test_an_image_that_cannot_be_read_is_named_in_its_place(tmp_path: Path, images: Path, name: str) -> None:
    (images / "c" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    candidates = write(tmp_path, candidate(1, [name]), candidate(2, [name, "c/1.jpg"]))
    assert make_review(candidates, images, tmp_path / "review") == 1
    first, second = data_of(tmp_path / "review")["candidates"]
    assert first["image"] is None
    assert first["problem"].startswith(f"{name}: ")
    assert second["image"] is not None


def test_the_wrong_folder_is_refused(tmp_path: Path, images: Path) -> None:
    candidates = write(tmp_path, candidate(1, ["c/0.jpg"]))
    with pytest.raises(InputError, match=r"none of the images can be read; the first: c/0\.jpg: No such file"):
        make_review(candidates, images / "c", tmp_path / "review")
    assert not (tmp_path / "review").exists()


def test_no_candidates_make_a_page(tmp_path: Path, images: Path) -> None:
    assert make_review(write(tmp_path), images, tmp_path / "review") == 0
    assert data_of(tmp_path / "review")["candidates"] == []


@pytest.mark.parametrize("box", [[0, 0, 0.001, 0.001], [0, 0, 1, 1], [0.99, 0.99, 0.02, 0.02], [0, 0.4, 1, 0.01]])
@pytest.mark.parametrize("size", [(1, 1), (3, 4000), (4000, 3), (30, 40)])
def test_any_box_of_any_image_has_its_crop(tmp_path: Path, box: list[float], size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(picture(*size)), "PNG"))
    occurrence = {"file": "a.png", "conf": 0.5, "bbox": box}
    candidates = write(tmp_path, candidate(1, [], occurrences=[occurrence] * 3))
    assert read_candidates(candidates)["candidates"]
    assert make_review(candidates, tmp_path, tmp_path / "review") == 0
    with Image.open(tmp_path / "review" / data_of(tmp_path / "review")["candidates"][0]["crops"]) as crops:
        assert crops.size == (2 * 160, 120)


def test_threads_do_not_change_the_bytes(tmp_path: Path, images: Path) -> None:
    candidates = write(tmp_path, *(candidate(number, [f"c/{number}.jpg", "c/0.jpg"]) for number in range(1, 6)))
    contents = []
    for threads in (1, 3):
        review = tmp_path / f"review-{threads}"
        make_review(candidates, images, review, threads=threads)
        contents.append({str(f.relative_to(review)): f.read_bytes() for f in review.rglob("*.*")})
    assert contents[0] == contents[1]


def test_images_may_be_in_archives(tmp_path: Path, images: Path) -> None:
    with tar_writer(tmp_path / "decoded" / "shard.tar") as tar:
        for number in range(9):
            tar.add(f"c/{number}.jpg", (images / "c" / f"{number}.jpg").read_bytes())
    candidates = write(tmp_path, candidate(1, [f"c/{number}.jpg" for number in range(9)]))
    assert make_review(candidates, images, tmp_path / "of-files") == 0
    assert make_review(candidates, tmp_path / "decoded", tmp_path / "of-archives") == 0
    assert tree(tmp_path / "of-archives") == tree(tmp_path / "of-files")
