"""Sources of datasets: what each kind says, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.dataset_sources import describe, jpeg, listed, write_photos
from treeline.datasets.description import read_description
from treeline.datasets.sources import read_source
from treeline.datasets.sources.rows import assemble
from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata, read_metadata
from treeline.io.datasets.samples import read_samples

JPEG = jpeg(0)
ROWS = {
    "file": ["b.jpg", "a.jpg", "c/d.jpg"],
    "species": ["hare", "deer", "deer"],
    "location": ["1", "x", None],
    "taken": ["2026-01-02 03:04:05", "2026:01:02 03:04:05", None],
    "score": ["0.5", "2", None],
    "count": ["1", "2", "3"],
    "frame": ["1", None, "3"],
    "license": ["CC0", None, "CC BY 4.0"],
}
TABLE = {"labels": ["species"], "groups": ["location"], "time": "taken", "keep": ["score", "count", "frame", "license"]}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", {name: JPEG for name in ROWS["file"] if name})


def table_source(table: Path, photos: Path, **more: Any) -> dict[str, Any]:
    return {"kind": "table", "path": str(table), "images": [str(photos)], **more}


def write_csv(file: Path, changes: dict[str, Any] | None = None) -> Path:
    pd.DataFrame({**ROWS, **(changes or {})}).to_csv(file, index=False)
    return file


def paths(metadata: Metadata) -> list[str]:
    return metadata.index["image_path"].tolist()


def test_a_folder_a_class(tmp_path: Path) -> None:
    names = ["hare/2.jpg", "deer/10.jpg", "deer/9.png", "Ära/x/1.jpg"]
    source = write_photos(tmp_path / "photos", {name: JPEG for name in names} | {"deer/notes.txt": b"no image"})
    metadata = listed(tmp_path, {"kind": "folder", "path": str(source)})
    assert metadata.class_names == ("deer", "hare", "Ära")
    assert paths(metadata) == sorted(names)
    assert metadata.index["label_idx"].tolist() == [0, 0, 1, 2]
    assert metadata.index["id"].tolist() == [0, 1, 2, 3]
    assert [sample.id for sample in read_samples(metadata)] == [0, 1, 2, 3]


def test_folders_of_splits(tmp_path: Path) -> None:
    source = write_photos(tmp_path / "photos", {"train/deer/1.jpg": JPEG, "val/hare/1.jpg": JPEG})
    splits = {"kind": "predefined", "column": "split"}
    metadata = listed(tmp_path, {"kind": "folder", "path": str(source)}, splits=splits)
    assert metadata.class_names == ("deer", "hare")
    assert metadata.tables["additional"]["split"].tolist() == ["train", "val"]


def test_a_table_as_csv_and_parquet_gives_the_same(tmp_path: Path, photos: Path) -> None:
    csv = write_csv(tmp_path / "rows.csv")
    numbers = {"score": [0.5, 2.0, None], "count": [1, 2, 3], "frame": [1, None, 3]}
    pq.write_table(pa.table({**ROWS, **numbers}), tmp_path / "rows.parquet")
    found = []
    for table in (csv, tmp_path / "rows.parquet"):
        listed(tmp_path, table_source(table, photos), **TABLE)
        found.append(read_metadata(tmp_path / "00/metadata.h5"))
    assert found[0].tables.keys() == found[1].tables.keys()
    for name, frame in found[0].tables.items():
        assert_frame_equal(frame, found[1].tables[name])
    index, additional = found[0].index, found[0].tables["additional"]
    assert index["image_path"].tolist() == ["a.jpg", "b.jpg", "c/d.jpg"]
    assert index["label"].tolist() == ["deer", "hare", "deer"]
    assert index["location"].tolist() == ["x", "1", ""]
    times = found[0].tables["temporal"]["time_of_capture"]
    assert times.iloc[:2].tolist() == [pd.Timestamp("2026-01-02 03:04:05")] * 2
    assert times.isna().tolist() == [False, False, True]
    assert additional["count"].tolist() == [2, 1, 3]
    assert additional["frame"].fillna(-1).tolist() == [-1, 1, 3]
    assert additional["license"].tolist() == ["", "CC0", "CC BY 4.0"]


def test_several_labels_as_lists_and_as_columns(tmp_path: Path, photos: Path) -> None:
    lists = {"species": ['["hare", "deer"]', "[]", '["deer"]']}
    columns = {"deer": ["1", "0", "1"], "hare": ["1.0", "false", "0"]}
    found = []
    for labels in (["species"], ["hare", "deer"]):
        csv = write_csv(tmp_path / "rows.csv", lists | columns)
        found.append(listed(tmp_path, table_source(csv, photos), "multilabel", labels=labels))
    for metadata in found:
        assert metadata.class_names == ("deer", "hare")
        assert metadata.tables["labels"].values.tolist() == [[1, "deer", 0], [1, "hare", 1], [2, "deer", 0]]


def test_a_table_that_holds_its_images(tmp_path: Path) -> None:
    for number in range(2):
        rows = {"uuid": [f"u{number}-1", f"u{number}-0"], "image": [JPEG, JPEG], "class": ["deer", "hare"]}
        pq.write_table(pa.table(rows), tmp_path / f"part-{number}.parquet")
    metadata = listed(tmp_path, {"kind": "table", "path": str(tmp_path / "part-*.parquet")}, labels=["class"])
    assert paths(metadata) == ["u0-0", "u0-1", "u1-0", "u1-1"]
    assert metadata.index["label"].tolist() == ["hare", "deer"] * 2
    assert {sample.data for sample in read_samples(metadata)} == {JPEG}


def test_a_regression(tmp_path: Path, photos: Path) -> None:
    csv = write_csv(tmp_path / "rows.csv", {"score": ["1e3", "-2", "0.25"]})
    metadata = listed(tmp_path, table_source(csv, photos), "regression", labels=["score"])
    assert metadata.index["target"].tolist() == [-2.0, 1000.0, 0.25]
    assert metadata.class_names == ()


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"species": ["hare", "fox", "deer"]},
            {"classes": ["hare", "deer"]},
            r"row 2, field 'species': a\.jpg: .*'fox'",
        ),
        ({"species": ["hare", None, "deer"]}, {}, r"rows\.csv, row 2, field 'species': a\.jpg: has no label"),
        ({}, {"keep": ["licence"]}, r"rows\.csv, field 'licence': the column is missing; the file has: file, species"),
        ({"file": ["a.jpg", "a.jpg", "c/d.jpg"]}, {}, r"row 2: a\.jpg: is there twice"),
        ({"file": ["b.jpg", None, "c/d.jpg"]}, {}, r"row 2, field 'file': .*no name"),
        (
            {"taken": ["yesterday", None, None]},
            {"time": "taken"},
            r"row 1, field 'taken': b\.jpg: 'yesterday' is no time",
        ),
        (
            {"taken": ["2026-02-30", None, None]},
            {"time": "taken"},
            r"row 1, field 'taken': b\.jpg: '2026-02-30' is no time",
        ),
        ({}, {"task": "regression", "labels": ["score"]}, r"row 3, field 'score': c/d\.jpg: .* is no finite number"),
        ({"score": ["nan", "1", "2"]}, {"task": "regression", "labels": ["score"]}, r"row 1.* no finite number"),
        ({}, {"task": "multilabel"}, r"row 2, field 'species': a\.jpg: 'deer' is no list of labels"),
        (
            {},
            {"task": "multilabel", "labels": ["count", "score"]},
            r"row 2, field 'count': a\.jpg: '2' is neither 0 nor 1",
        ),
        ({"sha256": ["1", "2", "3"]}, {"groups": ["sha256"]}, r"field 'sha256': is a name that Treeline needs"),
    ],
)
def test_a_table_is_refused(
    tmp_path: Path, photos: Path, changes: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    csv = write_csv(tmp_path / "rows.csv", changes)
    with pytest.raises(InputError, match=message):
        listed(tmp_path, table_source(csv, photos), **{"labels": ["species"], **options})
    assert not (tmp_path / "00").exists()


def test_other_sources_are_refused(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", {"deer/1.jpg": JPEG, "2.jpg": JPEG})
    folder = {"kind": "folder", "path": str(photos)}
    for source, task, more, message in (
        (folder, "multiclass", {}, r"photos: 2\.jpg: lies in no class's folder"),
        (folder, "regression", {}, r"needs `labels`"),
        (folder, "multiclass", {"keep": ["license"]}, r"field 'license': a folder has no columns"),
        ({"kind": "folder", "path": str(tmp_path / "gone")}, "multiclass", {}, "no such folder"),
        ({"kind": "rasters", "path": str(photos)}, "multiclass", {}, "holds no raster"),
        ({"kind": "training_set", "path": str(photos)}, "multiclass", {}, "is no training set"),
        ({"kind": "table", "path": str(photos)}, "multiclass", {"labels": ["class"]}, "no table found"),
        ({**folder, "masks": str(tmp_path / "gone")}, "segmentation", {"classes": ["a"]}, "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            listed(tmp_path, source, task, **more)


@settings(max_examples=15)
@given(st.permutations(range(3)), st.lists(st.sampled_from("aäÄz_0"), min_size=3, max_size=3))
def test_the_order_of_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], labels: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    rows = pd.DataFrame({**ROWS, "species": labels})
    found = []
    for places in (range(3), order):
        rows.iloc[list(places)].to_parquet(folder / "rows.parquet")
        file = describe(folder / "tested.yaml", table_source(folder / "rows.parquet", folder), labels=["species"])
        description = read_description(file)
        found.append(assemble("tested", description, read_source(description)))
    assert found[0].class_names == found[1].class_names == tuple(sorted(set(labels)))
    assert_frame_equal(found[0].index, found[1].index)
    assert [found[0].class_names[place] for place in found[0].index["label_idx"]] == found[0].index["label"].tolist()
