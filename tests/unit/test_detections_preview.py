"""A preview: what the page is told of the images, and what is written."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.previews import CATEGORIES, detection, make_preview, write_results, write_shards
from tests.shards import encode, exif
from treeline.errors import InputError, ShardError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images, each with a checkerboard of one pixel in the middle of grey."""
    for name in ("cam1/a.jpg", "cam1/b.jpg", "cam2/c.jpg", "cam2/d.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(checkerboard(), "JPEG", quality=95, exif=exif(taken="2024:01:01 00:00:00")))
    return tmp_path / "photos"


MIDDLE = (0.25, 0.25, 0.5, 0.5)


def checkerboard() -> Image.Image:
    pixels = np.full((200, 300, 3), 128, np.uint8)
    rows, columns = np.mgrid[50:150, 75:225]
    pixels[50:150, 75:225] = np.where((rows // 4 + columns // 4) % 2, 255, 0)[:, :, None]
    return Image.fromarray(pixels)


def contrast(file: Path) -> float:
    """Standard deviation in the middle of a picture."""
    picture = Image.open(file).convert("L")
    width, height = picture.size
    middle = picture.crop((width * 3 // 10, height * 3 // 10, width * 7 // 10, height * 7 // 10))
    return float(np.asarray(middle).std())


def test_the_page_is_told_what_the_results_say(folder: Path, tmp_path: Path) -> None:
    entry = {
        "file": "cam1/a.jpg",
        "datetime": "2024:05:06 07:08:09",
        "detections": [{**detection("1", 0.3), "classifications": [["7", 0.8], ["8", 0.1]]}, detection("2", 0.9)],
    }
    failed = {"file": "cam3/x.jpg", "failure": "image access failure", "detections": None}
    results = write_results(
        *(tmp_path / "r.json", [entry, failed, {"file": "cam2/c.jpg", "location": "Ridge", "detections": []}]),
        classification_categories={"7": "red deer", "8": "fox"},
    )
    data = make_preview(results, folder, tmp_path / "out")
    assert (data["title"], data["models"], data["categories"]) == ("r.json", ["drawn.pt"], sorted(CATEGORIES.values()))
    assert data["collection"]["images"] == 3
    assert data["collection"]["failed"] == 1
    first, second, third = data["images"]
    assert first["boxes"] == [[1, 0.9, 0.1, 0.2, 0.3, 0.4, -1, 0], [0, 0.3, 0.1, 0.2, 0.3, 0.4, 0, 0.8]]
    assert (first["location"], first["time"]) == ("cam1", "2024:05:06 07:08:09")
    assert (first["width"], first["height"]) == (300, 200)
    assert (second["location"], second["boxes"], second["problem"]) == ("Ridge", [], "")
    assert (third["failure"], third["width"]) == ("image access failure", 0)
    assert sorted(path.stem for path in (tmp_path / "out" / "images").iterdir()) == sorted([first["id"], second["id"]])
    for kind in ("images", "thumbnails"):
        picture = Image.open(tmp_path / "out" / kind / f"{first['id']}.jpg")
        assert picture.size == (300, 200)
        assert not picture.getexif()  # neither place nor camera


@pytest.mark.parametrize("side", [150, 1600])
def test_pictures_are_no_larger_than_asked_for(folder: Path, tmp_path: Path, side: int) -> None:
    encoded = encode(Image.new("RGB", (2400, 1200), "green"), "JPEG", exif=exif(orientation=6))
    (folder / "big.jpg").write_bytes(encoded)
    results = write_results(tmp_path / "r.json", [{"file": "big.jpg", "detections": []}])
    data = make_preview(results, folder, tmp_path / "out", longest_side=side)
    (image,) = data["images"]
    assert (image["width"], image["height"]) == (1200, 2400)
    assert Image.open(tmp_path / "out" / "images" / f"{image['id']}.jpg").size == (side // 2, side)


@pytest.mark.parametrize(
    ("categories", "classes", "entry"),
    [
        (CATEGORIES, {}, detection("2", 0.15, MIDDLE)),
        ({"5": "Human"}, {}, detection("5", 0.9, MIDDLE)),
        (CATEGORIES, {}, detection("2", -0.8, MIDDLE)),
        (CATEGORIES, {"4": "homo sapiens"}, {**detection("1", 0.9, MIDDLE), "classifications": [["4", 0.7]]}),
    ],
    ids=["low confidence", "other name", "struck out", "by its class"],
)
def test_persons_are_blurred_in_the_files_or_withheld(
    folder: Path, tmp_path: Path, categories: Any, classes: Any, entry: Any
) -> None:
    images = [{"file": "cam1/a.jpg", "detections": [entry]}, {"file": "cam2/c.jpg", "detections": []}]
    results = write_results(
        tmp_path / "r.json", images, detection_categories=categories, classification_categories=classes
    )
    shown = make_preview(results, folder, tmp_path / "shown")
    blurred = make_preview(results, folder, tmp_path / "blurred", persons="blur")
    assert shown["images"] == blurred["images"]
    person, other = (image["id"] for image in shown["images"])
    for kind in ("images", "thumbnails"):
        before = {name: tmp_path / "shown" / kind / f"{name}.jpg" for name in (person, other)}
        after = {name: tmp_path / "blurred" / kind / f"{name}.jpg" for name in (person, other)}
        assert contrast(before[person]) > 100
        assert contrast(after[person]) < 15
        assert after[other].read_bytes() == before[other].read_bytes()
    withheld = make_preview(results, folder, tmp_path / "withheld", persons="withhold")
    assert [image["id"] for image in withheld["images"]] == [other]
    assert (withheld["collection"]["withheld"], withheld["collection"]["images"]) == (1, 2)
    written = [path for path in (tmp_path / "withheld").rglob("*") if path.is_file()]
    assert not any(person in path.name or b"cam1" in path.read_bytes() for path in written)


def test_nobody_is_taken_for_hidden_where_no_category_is_of_persons(folder: Path, tmp_path: Path) -> None:
    images = [{"file": "cam1/a.jpg", "detections": [detection("1", 0.9)]}]
    results = write_results(tmp_path / "r.json", images, detection_categories={"1": "Mensch"})
    with pytest.raises(InputError, match="nothing would be hidden"):
        make_preview(results, folder, tmp_path / "out", persons="blur")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("container", ["tar", "tar without index", "tar.gz", "folder"])
def test_shards_give_the_same_preview_whatever_holds_their_images(tmp_path: Path, container: str) -> None:
    results, decoded = write_shards(tmp_path, 6)
    expected = make_preview(results, decoded, tmp_path / "expected")
    for archive in decoded.rglob("*.tar"):
        if container == "tar without index":
            archive.with_name(archive.name + ".index.csv").unlink()
        if container == "tar.gz":
            archive.with_name(archive.name + ".gz").write_bytes(gzip.compress(archive.read_bytes()))
        if container == "folder":
            unpack(archive, archive.with_suffix(""))
        if container in ("tar.gz", "folder"):
            archive.unlink()
    data = make_preview(results, decoded, tmp_path / "out", threads=3)
    assert data == expected
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    assert {image["server"] for image in data["images"]} == {"a.org:80", "b.org"}
    assert data["collection"]["images"] == len(data["images"]) == 14
    credits = [image["credits"] for image in data["images"] if not image["failure"]]
    assert all(found["license"] == "CC-BY" for found in credits)


def unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_cannot_be_read_is_said_beside_the_rest(folder: Path, tmp_path: Path) -> None:
    (folder / "torn.jpg").write_bytes((folder / "cam1" / "a.jpg").read_bytes()[:900])
    names = ["../../etc/passwd", "/etc/passwd", "cam1/a.jpg", "gone.jpg", "torn.jpg", "cam1", "x\0.jpg"]
    results = write_results(tmp_path / "r.json", [{"file": name, "detections": []} for name in names])
    problems = {image["file"]: image["problem"] for image in make_preview(results, folder, tmp_path / "out")["images"]}
    assert "leads out of the folder" in problems["../../etc/passwd"]
    assert "leads out of the folder" in problems["/etc/passwd"]
    assert problems["cam1/a.jpg"] == ""
    assert "no such file" in problems["gone.jpg"]
    assert all(problems[name] for name in ("torn.jpg", "cam1", "x\0.jpg"))


def test_names_from_strangers_stay_data(folder: Path, tmp_path: Path) -> None:
    name = "</script><b>é\u2028🦊'\"\\.jpg"
    (folder / "cam1" / "a.jpg").rename(folder / name.replace("/", "-"))
    results = write_results(
        tmp_path / "r.json", [{"file": name, "detections": []}, {"file": "cam1/b.jpg", "detections": []}]
    )
    data = make_preview(results, folder, tmp_path / "out")
    assert [image["file"] for image in data["images"]] == sorted([name, "cam1/b.jpg"])


def test_a_wrong_folder_of_images_is_one_error(folder: Path, tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "r.json", [{"file": "a.jpg", "detections": []}, {"file": "b.jpg", "detections": []}]
    )
    with pytest.raises(InputError, match=r"none of the 2 images can be read; a\.jpg: no such file"):
        make_preview(results, folder, tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        make_preview(results, tmp_path / "elsewhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_broken_and_missing_shards_are_named(tmp_path: Path) -> None:
    results, decoded = write_shards(tmp_path, 2)
    archive = decoded / "server_name=b.org" / "partition_id=0.tar"
    archive.write_bytes(b"no tar")
    with pytest.raises(ShardError, match=r"server_name=b\.org/partition_id=0\.tar: not a whole tar"):
        make_preview(results, decoded, tmp_path / "out")
    archive.unlink()
    with pytest.raises(InputError, match=r"server_name=b\.org/partition_id=0\.tar: no such archive"):
        make_preview(results, decoded, tmp_path / "out")
    with pytest.raises(InputError, match="holds no server_name="):
        make_preview(decoded, decoded, tmp_path / "out")


def test_only_a_preview_is_replaced(folder: Path, tmp_path: Path) -> None:
    results = write_results(tmp_path / "r.json", [{"file": "cam1/a.jpg", "detections": []}])
    with pytest.raises(InputError, match="is there already and is no preview"):
        make_preview(results, folder, folder)
    with pytest.raises(InputError, match="is there already and is no preview"):
        make_preview(results, folder, results)
    (tmp_path / "out").mkdir()
    make_preview(results, folder, tmp_path / "out")
    first = contents(tmp_path / "out")
    make_preview(results, folder, tmp_path / "out")
    assert contents(tmp_path / "out") == first


def test_results_without_images_make_an_empty_page(folder: Path, tmp_path: Path) -> None:
    data = make_preview(write_results(tmp_path / "r.json", []), folder, tmp_path / "out")
    assert data["images"] == []
    assert data["collection"]["images"] == 0


def test_the_page_needs_nothing_but_its_own_files(folder: Path, tmp_path: Path) -> None:
    make_preview(write_results(tmp_path / "r.json", []), folder, tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"#:]+)"', page)
    assert {"gallery.css", "data.js", "main.js"} <= set(named)
    written = [file for file in (tmp_path / "out").iterdir() if file.is_file()]
    assert {file.name for file in written} == {*named, "index.html"}
    for file in written:
        assert not re.search(r"https?://|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", file.read_text()), file.name


def test_a_picture_is_written_as_jpeg(folder: Path, tmp_path: Path) -> None:
    (folder / "p.png").write_bytes(encode(Image.new("RGBA", (30, 20), (0, 0, 0, 0)), "PNG"))
    data = make_preview(
        write_results(tmp_path / "r.json", [{"file": "p.png", "detections": []}]), folder, tmp_path / "o"
    )
    (image,) = data["images"]
    picture = Image.open(io.BytesIO((tmp_path / "o" / "thumbnails" / f"{image['id']}.jpg").read_bytes()))
    assert (picture.format, picture.size) == ("JPEG", (30, 20))
