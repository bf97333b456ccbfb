"""The steps of cleaning: what each drops or changes, and what it refuses."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.dataset_sources import describe, jpeg, measured, photo, write_mask, write_photos, write_raster
from tests.shards import encode, exif
from treeline.datasets.build import write_step
from treeline.datasets.description import read_description
from treeline.datasets.steps import read_steps
from treeline.datasets.steps.limit_per_class import Options as LimitOptions
from treeline.datasets.steps.limit_per_class import apply as limit
from treeline.datasets.steps.rename_labels import Options as RenameOptions
from treeline.datasets.steps.rename_labels import apply as rename
from treeline.datasets.steps.resize import Options as ResizeOptions
from treeline.datasets.steps.resize import apply as resize
from treeline.datasets.steps.select import Options as SelectOptions
from treeline.datasets.steps.select import apply as select
from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import decode_mask, read_samples

RENAMED = st.dictionaries(st.sampled_from(["deer", "hare"]), st.sampled_from(["deer", "zebra", "ä"]), min_size=1)


def metadata_of(labels: list[str]) -> Metadata:
    names = tuple(sorted(set(labels)))
    paths = [f"{number}.jpg" for number in range(len(labels))]
    index = pd.DataFrame({"id": range(len(labels)), "image_path": paths, "label": labels})
    index["label_idx"] = index["label"].map(names.index)
    return Metadata("tested", "multiclass", names, {"index": index})


def step_of(folder: Path, files: dict[str, bytes], *steps: dict[str, Any]) -> tuple[Metadata, dict[str, str]]:
    """Do steps on photos in folders of classes; gives what is left, and the reasons of all that was dropped."""
    photos = write_photos(folder / "photos", files)
    metadata = measured(folder, {"kind": "folder", "path": str(photos)}, steps=list(steps))
    reasons: dict[str, str] = {}
    for number in range(1, len(steps) + 1):
        previous, target = folder / f"{number:02d}/metadata.h5", folder / f"{number + 1:02d}"
        metadata, _ = write_step(previous, folder / "tested.yaml", number, target)
        with (target / "dropped.csv").open(newline="") as file:
            reasons |= {row["image_path"]: row["reason"] for row in csv.DictReader(file)}
    kept = set(metadata.index["image_path"])
    assert not kept & reasons.keys()
    return metadata, reasons


def test_unreadable_and_duplicates_are_dropped(tmp_path: Path) -> None:
    twin = encode(Image.fromarray(photo(1, 192, 128)), "JPEG", quality=60)
    files = {"x/a.jpg": jpeg(0), "x/b.jpg": jpeg(0), "x/c.jpg": b"", "y/d.jpg": jpeg(1, 192, 128), "y/e.jpg": twin}
    files["y/f.jpg"] = jpeg(2)
    steps: tuple[dict[str, Any], ...] = (
        {"drop_unreadable": None},
        {"drop_duplicates": {}},
        {"drop_near_duplicates": {"least_quality": 0}},
    )
    metadata, reasons = step_of(tmp_path, files, *steps)
    assert reasons.keys() == {"x/b.jpg", "x/c.jpg", "y/e.jpg"}
    assert reasons["x/b.jpg"] == "the same bytes as x/a.jpg"
    assert reasons["y/e.jpg"].startswith("looks like y/d.jpg: ")
    assert metadata.index["id"].tolist() == [0, 3, 5]
    for name in ("spatial", "temporal", "additional"):
        assert metadata.tables[name]["id"].tolist() == [0, 3, 5]
    assert set(metadata.tables["spectral"]["id"]) == {0, 3, 5}


def test_selection(tmp_path: Path) -> None:
    files = {
        "x/a.jpg": jpeg(0),
        "x/b.jpg": jpeg(1, 120, 64),
        "y/c.jpg": jpeg(2, exif=exif(taken="2024:05:06 07:08:09")),
    }
    where = "image_width < 100 AND (time_of_capture IS NULL OR year(time_of_capture) = 2024) -- all\n"
    metadata, reasons = step_of(tmp_path, files, {"select": {"where": where}})
    assert metadata.index["image_path"].tolist() == ["x/a.jpg", "y/c.jpg"]
    assert reasons["x/b.jpg"].startswith("not image_width < 100")
    bright = "id IN (SELECT id FROM spectral WHERE name = 'red' AND mean >= 0)"
    assert len(step_of(tmp_path, files, {"select": {"where": bright}})[0]) == 3


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('true); DROP TABLE spatial; SELECT id FROM "index" WHERE (true', "not one condition"),
        ("id IN (SELECT 1 FROM read_csv('/etc/passwd'))", "disabled|Permission"),
        ("id IN (SELECT content FROM read_text('/etc/passwd'))", "disabled|Permission"),
        ("(SELECT count(*) FROM '/etc/passwd') > 0", "does not exist"),
        ("id IN (SELECT id FROM metadata)", "metadata"),
        ("colour = 'red'", "colour"),
        ("image_width >", "syntax error"),
        ("label", "Could not convert"),
    ],
)
def test_a_condition_can_do_no_harm(tmp_path: Path, where: str, message: str) -> None:
    metadata = metadata_of(["deer", "hare"])
    metadata = metadata.with_tables(spatial=metadata.index[["id"]].assign(image_width=10))
    with pytest.raises(InputError, match=f"select.where.*({message})"):
        select(metadata, SelectOptions(where=where), tmp_path)


@pytest.mark.parametrize(("more", "wanted"), [({}, ("y",)), ({"classes": ["z", "y", "x"]}, ("x", "y", "z"))])
def test_classes_are_those_that_are_left_or_that_are_named(
    tmp_path: Path, more: dict[str, Any], wanted: tuple[str, ...]
) -> None:
    photos = write_photos(tmp_path / "photos", {"x/a.jpg": jpeg(0), "y/b.jpg": jpeg(1)})
    measured(tmp_path, {"kind": "folder", "path": str(photos)}, steps=[{"select": {"where": "label = 'y'"}}], **more)
    metadata, _ = write_step(tmp_path / "01/metadata.h5", tmp_path / "tested.yaml", 1, tmp_path / "02")
    assert metadata.class_names == wanted
    assert metadata.index["label_idx"].tolist() == [wanted.index("y")]


def test_a_step_that_drops_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the step select drops all 1 samples: not false"):
        step_of(tmp_path, {"x/a.jpg": jpeg(0)}, {"select": {"where": "false"}})
    assert not (tmp_path / "02").exists()


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["deer", "hare", "fox"]), min_size=1), RENAMED)
def test_renamed_labels_are_numbered_in_sorted_order(labels: list[str], names: dict[str, str]) -> None:
    metadata = metadata_of([*labels, "deer", "hare"])
    renamed = rename(metadata, RenameOptions(names=names), Path()).metadata
    assert renamed.index["label"].tolist() == [names.get(label, label) for label in metadata.index["label"]]
    assert renamed.class_names == tuple(sorted(set(renamed.index["label"])))
    assert [renamed.class_names[place] for place in renamed.index["label_idx"]] == renamed.index["label"].tolist()


def test_several_labels_become_one() -> None:
    labels = pd.DataFrame({"id": [0, 0, 1], "label": ["hare", "deer", "hare"], "label_idx": [1, 0, 1]})
    tables = {"index": pd.DataFrame({"id": [0, 1]}), "labels": labels}
    metadata = Metadata("tested", "multilabel", ("deer", "hare"), tables)
    renamed = rename(metadata, RenameOptions(names={"hare": "animal", "deer": "animal"}), Path()).metadata
    assert renamed.tables["labels"].values.tolist() == [[0, "animal", 0], [1, "animal", 0]]
    with pytest.raises(InputError, match="there is no label 'fox'; there are: deer, hare"):
        rename(metadata, RenameOptions(names={"fox": "x"}), Path())


@settings(max_examples=40)
@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=30), st.integers(1, 5), st.integers(0, 3))
def test_at_most_so_many_of_a_class(labels: list[str], maximum: int, seed: int) -> None:
    metadata = metadata_of(labels)
    outcome = limit(metadata, LimitOptions(maximum=maximum, seed=seed), Path())
    kept = metadata.index[~metadata.index["id"].isin(list(outcome.dropped))]
    for label in set(labels):
        assert (kept["label"] == label).sum() == min(maximum, labels.count(label))
    more = limit(metadata, LimitOptions(maximum=maximum + 1, seed=seed), Path())
    assert more.dropped.keys() <= outcome.dropped.keys()


def test_images_boxes_and_masks_are_made_smaller_together(tmp_path: Path) -> None:
    numbers = np.kron(np.array([[0, 1], [1, 255]], np.uint8), np.ones((32, 48), np.uint8))
    files = {
        "a.jpg": jpeg(0, exif=exif(taken="2024:05:06 07:08:09")),
        "b.png": encode(Image.fromarray(photo(1, 40, 30)), "PNG"),
    }
    photos = write_photos(tmp_path / "photos", files)
    write_mask(tmp_path / "masks/a.png", numbers)
    write_mask(tmp_path / "masks/b.png", numbers[:30, :40])
    source = {"kind": "folder", "path": str(photos), "masks": str(tmp_path / "masks")}
    measured(tmp_path, source, "segmentation", classes=["x", "y"], steps=[{"resize": {"longest_side": 48}}])
    resized, dropped = write_step(tmp_path / "01/metadata.h5", tmp_path / "tested.yaml", 1, tmp_path / "02")
    assert not dropped
    assert resized.tables["spatial"]["image_width"].tolist() == [48, 40]
    assert resized.images == (str(tmp_path / "02/images.tar"),)
    first, second = read_samples(resized)
    assert second.data == files["b.png"]
    assert first.mask is not None
    np.testing.assert_array_equal(decode_mask(first.mask), numbers[::2, ::2])
    with Image.open(io.BytesIO(first.data)) as image:
        assert image.size == (48, 32)
        wanted = Image.fromarray(photo(0)).resize((48, 32), Image.Resampling.BOX)
        assert np.abs(np.asarray(image, np.int64) - np.asarray(wanted)).mean() < 12
    assert resized.tables["temporal"]["time_of_capture"][0] == pd.Timestamp("2024-05-06 07:08:09")


def test_boxes_shrink_with_their_images(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", {"x/a.jpg": jpeg(0)})
    metadata = measured(tmp_path, {"kind": "folder", "path": str(photos)})
    box = pd.DataFrame({"id": [0], "number": 0, "x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0})
    outcome = resize(metadata.with_tables(boxes=box), ResizeOptions(longest_side=48), tmp_path)
    assert outcome.metadata.tables["boxes"][["x", "y", "width", "height"]].values.tolist() == [[5.0, 10.0, 15.0, 20.0]]


def test_rasters_are_not_resized(tmp_path: Path) -> None:
    write_raster(tmp_path / "tiles/x/a.tif", np.zeros((8, 8, 2), np.uint8))
    measured(tmp_path, {"kind": "rasters", "path": str(tmp_path / "tiles")}, steps=[{"resize": {"longest_side": 4}}])
    with pytest.raises(InputError, match=r"x/a\.tif: a TIFF is not resized"):
        write_step(tmp_path / "01/metadata.h5", tmp_path / "tested.yaml", 1, tmp_path / "02")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"drop_everything": {}}, r"steps\[0\]\.drop_everything': there is no such step; there are: drop_missing"),
        ({"limit_per_class": {}}, r"steps\[0\]\.limit_per_class\.maximum': Field required"),
        ({"limit_per_class": {"maximum": 0}}, "greater than or equal to 1"),
        ({"drop_near_duplicates": {"most_bits": 32}}, "less than or equal to 31"),
        ({"select": {"where": ""}}, "at least 1 character"),
        ({"drop_missing": {"force": True}}, r"drop_missing\.force': Extra inputs"),
        ({"rename_labels": {"names": {"a": ""}}}, "at least 1 character"),
    ],
)
def test_a_wrong_step_is_refused(tmp_path: Path, step: dict[str, Any], message: str) -> None:
    file = describe(tmp_path / "tested.yaml", {"kind": "folder", "path": "x"}, steps=[step])
    with pytest.raises(InputError, match=message):
        read_steps(file, read_description(file))
