"""COCO Camera Traps goes into the catalogue, each thing on its level, and comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from megadetector.data_management.cct_json_utils import IndexedJsonDb
from megadetector.data_management.integrity_check_json_db import IntegrityCheckOptions, integrity_check_json_db
from typer.testing import CliRunner

from tests.camera_traps import CATEGORIES, INFO, Cct, Item, files
from tests.catalog_content import ROUND_TRIPS, content, put_out, rows, take_in
from treeline.catalog.cli import app
from treeline.catalog.database import CatalogError
from treeline.catalog.exports import lots
from treeline.errors import InputError

FORMAT = "coco-camera-traps"


def write(folder: Path, cct: Cct) -> Path:
    file = folder / "source.json"
    file.write_text(json.dumps(cct), encoding="utf-8")
    return file


def in_order(cct: Cct) -> Cct:
    """The same with each list by id."""
    lists = {
        key: sorted(cct[key], key=lambda entry: str(entry["id"])) for key in ("images", "annotations", "categories")
    }
    return {**cct, **lists}


def without_made(written: Cct, source: Cct) -> Cct:
    """Leave out sequences and frame numbers that the catalogue has made because the source had none."""
    given_keys = {image["id"]: image.keys() for image in source["images"]}
    for image in written["images"]:
        for key in {"seq_id", "frame_num"} - given_keys[image["id"]]:
            image.pop(key, None)
    return written


@ROUND_TRIPS
@given(files())
def test_comes_back_as_it_was(source: Cct) -> None:
    """And what came back says the same, in the catalogue and to MegaDetector's own tools."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        take_in(folder / "a.duckdb", write(folder, source), FORMAT, "valley")
        put_out(folder / "a.duckdb", FORMAT, folder / "out.json")
        written = json.loads((folder / "out.json").read_text(encoding="utf-8"))
        assert in_order(without_made(written, source)) == in_order(source)
        take_in(folder / "b.duckdb", folder / "out.json", FORMAT, "valley")
        assert content(folder / "b.duckdb") == content(folder / "a.duckdb")
        put_out(folder / "b.duckdb", FORMAT, folder / "again.json")
        assert (folder / "again.json").read_bytes() == (folder / "out.json").read_bytes()
        accept(folder / "out.json")


@ROUND_TRIPS
@given(files())
def test_through_megadb(source: Cct) -> None:
    """MegaDB JSON has all of it but what the file says of itself and of its categories."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        take_in(folder / "a.duckdb", write(folder, source), FORMAT, "valley")
        put_out(folder / "a.duckdb", "megadb", folder / "megadb")
        take_in(folder / "b.duckdb", folder / "megadb", "megadb")
        assert content(folder / "b.duckdb") == content(folder / "a.duckdb") | {"classes": []}


def accept(file: Path) -> None:
    options = IntegrityCheckOptions()
    options.bRequireLocation, options.requireInfo, options.verbose = False, True, False
    options.allowIntIDs, options.validateBoxes = True, "error"
    integrity_check_json_db(str(file), options)
    assert IndexedJsonDb(str(file)).image_id_to_annotations is not None


SIZE = {"width": 200, "height": 100}
FRAMES = {"seq_id": "s", "location": "north"}
EXAMPLE: Cct = {
    "info": INFO,
    "categories": CATEGORIES,
    "images": [
        {"id": "1", "file_name": "1.jpg", "frame_num": 1, **FRAMES, **SIZE},
        {"id": "2", "file_name": "2.jpg", "frame_num": 2, **FRAMES, **SIZE},
        {"id": "3", "file_name": "3.jpg", **SIZE},
        {"id": "4", "file_name": "4.jpg"},
    ],
    "annotations": [
        {"id": "a", "image_id": "1", "category_id": 1, "bbox": [20, 10, 100, 25], "count": 3},
        {"id": "b", "image_id": "1", "category_id": 4, "bbox": [0, 0, 50, 50]},
        {"id": "c", "image_id": "2", "category_id": 3, "sequence_level_annotation": True},
        {"id": "d", "image_id": "3", "category_id": 5, "bbox": [0, 0, 50, 50]},
        {"id": "e", "image_id": "3", "category_id": 7},
    ],
}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    take_in(tmp_path / "catalog.duckdb", write(tmp_path, EXAMPLE), FORMAT, "valley")
    return tmp_path / "catalog.duckdb"


def test_levels(catalog: Path) -> None:
    assert rows(catalog, "SELECT seq_id, class FROM sequences WHERE seq_id = 's'") == [
        ("s", ["pere david's rock squirrel"])
    ]
    assert rows(catalog, "SELECT file, image_class, class, annotated, boxes FROM image_facts ORDER BY file") == [
        ("1.jpg", ["human", "red deer"], ["human", "red deer"], True, 2),
        ("2.jpg", None, ["pere david's rock squirrel"], False, 0),
        ("3.jpg", None, ["red deer"], True, 1),
        ("4.jpg", None, ["__label_unavailable"], False, 0),
    ]
    assert rows(catalog, "SELECT category, class, x_min, y_min, width, height FROM boxes ORDER BY image, box") == [
        ("animal", "red deer", 0.1, 0.1, 0.5, 0.25),
        ("person", "human", 0.0, 0.0, 0.25, 0.5),
        ("animal", None, 0.0, 0.0, 0.25, 0.5),
    ]
    deer = rows(
        catalog, "SELECT properties ->> 'name', properties ->> 'scientific_name' FROM classes WHERE class = 'red deer'"
    )
    assert deer == [("Red Deer", "Cervus elaphus")]


def test_looked_at_and_empty(tmp_path: Path) -> None:
    """Only if the user says so, and the export says so in its turn."""
    catalog, again = tmp_path / "catalog.duckdb", tmp_path / "again.duckdb"
    take_in(catalog, write(tmp_path, EXAMPLE), FORMAT, "valley", boxes_complete=True)
    put_out(catalog, FORMAT, tmp_path / "out.json")
    take_in(again, tmp_path / "out.json", FORMAT, "valley")
    for one in (catalog, again):
        assert rows(one, "SELECT count(*) FROM image_facts WHERE annotated AND boxes = 0") == [(2,)]


def test_lots_do_not_show(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_out(catalog, FORMAT, tmp_path / "whole.json")
    monkeypatch.setattr(lots, "IMAGES_AT_ONCE", 1)
    monkeypatch.setattr("treeline.catalog.readers.coco_camera_traps.IMAGES_AT_ONCE", 1)
    take_in(tmp_path / "again.duckdb", write(tmp_path, EXAMPLE), FORMAT, "valley")
    assert content(tmp_path / "again.duckdb") == content(catalog)
    put_out(tmp_path / "again.duckdb", FORMAT, tmp_path / "parts.json")
    assert (tmp_path / "parts.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


@pytest.mark.parametrize(
    ("key", "place", "change", "message"),
    [
        ("images", 3, {"id": "1"}, r'the id "1" is there twice'),
        ("images", 0, {"id": None}, r"row 1, field 'id'.*is missing"),
        ("images", 0, {"file_name": ""}, r"field 'file_name': images, id '1': is missing or empty"),
        ("images", 0, {"width": 0}, r"field 'width': images, id '1': expected a number of 1 or more"),
        ("images", 0, {"width": "wide"}, r"field 'width': images, id '1': expected a whole number, found 'wide'"),
        ("images", 0, {"frame_num": 1.5}, r"field 'frame_num'.*expected a whole number, found 1.5"),
        ("images", 0, {"datetime": 2020}, r"field 'datetime': images, id '1': expected a text"),
        ("images", 0, {"height": None}, r"width and height of image \"1\", which has none. Add them to the image"),
        ("annotations", 1, {"image_id": "9"}, r"row 2, field 'image_id': annotations: \"9\" is no id of images"),
        ("annotations", 1, {"category_id": 99}, r"99 is no id of categories"),
        ("annotations", 1, {"category_id": 0}, r"image \"1\" has a box around nothing"),
        ("annotations", 0, {"bbox": ["a", 1, 1, 1]}, r"annotations, id 'a': expected four numbers"),
        ("annotations", 0, {"bbox": [1, 1, 1]}, r"annotations, id 'a': expected four numbers"),
        ("categories", 1, {"id": 3}, r"row 4, field 'id'.*is that of another category"),
        ("categories", 0, {"name": "bear"}, r"0 is that of the category empty, and this one is called 'bear'"),
    ],
)
def test_refused(tmp_path: Path, key: str, place: int, change: Item, message: str) -> None:
    broken = json.loads(json.dumps(EXAMPLE))
    broken[key][place] |= change
    with pytest.raises(InputError, match=message):
        take_in(tmp_path / "catalog.duckdb", write(tmp_path, broken), FORMAT, "valley")


@pytest.mark.parametrize(
    "content", ["[]", "7", '{"images": {}, "annotations": [], "categories": []}', '{"images": [', ""]
)
def test_no_such_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "source.json").write_text(content)
    with pytest.raises(InputError, match=r"has no list of this name|is no JSON"):
        take_in(tmp_path / "catalog.duckdb", tmp_path / "source.json", FORMAT, "valley")


def test_data_set_is_not_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not name the data set. Name it with --dataset"):
        take_in(tmp_path / "catalog.duckdb", write(tmp_path, EXAMPLE), FORMAT)


def test_of_another_origin(tmp_path: Path) -> None:
    """Classes become annotations on their levels, and the names of files become ids."""
    box = {"category": "animal", "bbox": [0.1, 0.2, 0.3, 0.4]}
    images = [
        {"file": "1.jpg", "frame_num": 1, "class": ["deer"], "bbox": [box], **SIZE},
        {"file": "2.jpg", "frame_num": 2, "class": ["empty"], "bbox": [], "location": 5},
    ]
    sequence = {
        "dataset": "valley",
        "seq_id": "s",
        "class": ["deer"],
        "datetime": "2020-01-01 10:00:00",
        "images": images,
    }
    other = {"dataset": "hill", "seq_id": "h", "images": [{"file": "h.jpg", "class": ["bear"], "bbox": [box]}]}
    (tmp_path / "megadb.json").write_text(json.dumps([sequence, other]))
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, tmp_path / "megadb.json", "megadb")
    with pytest.raises(CatalogError, match=r"no field for the data set: choose one of hill, valley"):
        put_out(catalog, FORMAT, tmp_path / "out.json")
    command = ["export", FORMAT, str(catalog), str(tmp_path / "out.json"), "--dataset"]
    assert isinstance(CliRunner().invoke(app, [*command, "hill"]).exception, InputError)
    assert not (tmp_path / "out.json").exists()
    result = CliRunner().invoke(app, [*command, "valley"])
    assert "2 images, 5 annotations, 3 categories" in result.output
    accept(tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["categories"] == [{"id": 0, "name": "empty"}, {"id": 1, "name": "animal"}, {"id": 2, "name": "deer"}]
    assert written["info"] == {"version": "1.0", "description": "valley", "boxes_complete": True}
    assert [image.get("location") for image in written["images"]] == [None, "5"]
    assert {image["datetime"] for image in written["images"]} == {"2020-01-01 10:00:00"}
    assert [
        (note["id"], note["category_id"], note.get("bbox"), note.get("sequence_level_annotation", False))
        for note in written["annotations"]
    ] == [
        ("1.jpg#1", 1, [20, 20, 60, 40], False),
        ("1.jpg#2", 2, None, False),
        ("1.jpg#3", 2, None, True),
        ("2.jpg#1", 0, None, False),
        ("2.jpg#2", 2, None, True),
    ]
