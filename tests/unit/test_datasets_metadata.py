"""The tables of a dataset and their file, read by others."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata, read_metadata, write_metadata

NAMES = ("deer", "nan", "Ära")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def make_metadata(paths: list[str]) -> Metadata:
    ids = np.arange(len(paths), dtype=np.int64)
    label = [NAMES[number % 3] for number in ids]
    index = pd.DataFrame({"id": ids, "image_path": paths, "label": label})
    index["label_idx"] = [sorted(NAMES).index(name) for name in label]
    times = pd.to_datetime(["2026-01-02 03:04:05.250"] * len(ids)).to_series(index=index.index)
    times[ids % 2 == 1] = pd.NaT
    temporal = pd.DataFrame({"id": ids, "time_of_capture": times.astype("datetime64[ns]")})
    spatial = pd.DataFrame({"id": ids, "image_width": ids + 1, "x_gsd": np.where(ids % 2, np.nan, 0.5)})
    tables = {"index": index, "temporal": temporal, "spatial": spatial}
    return Metadata("example", "multiclass", tuple(sorted(NAMES)), tables, images=("photos",))


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, paths: list[str]) -> None:
    target = tmp_path_factory.mktemp("metadata") / "metadata.h5"
    written = make_metadata(paths)
    write_metadata(written, target)
    read = read_metadata(target)
    assert (read.name, read.task, read.class_names) == (written.name, written.task, written.class_names)
    assert (read.images, read.channels) == (written.images, written.channels)
    assert read.tables.keys() == written.tables.keys()
    for name, table in written.tables.items():
        assert_frame_equal(read.tables[name], table, check_dtype=name != "index")


def test_more_rows_than_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = make_metadata([f"{number}.jpg" for number in range(8)])
    write_metadata(written, tmp_path / "metadata.h5")
    monkeypatch.setattr("treeline.io.hdf_tables.ROWS_OF_A_PIECE", 3)
    read = read_metadata(tmp_path / "metadata.h5")
    for name, table in written.tables.items():
        assert_frame_equal(read.tables[name], table, check_dtype=name != "index")


def test_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_metadata(make_metadata(["a.jpg", "b.jpg"]), tmp_path / f"{name}.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_read_by_others(tmp_path: Path) -> None:
    target = tmp_path / "metadata.h5"
    write_metadata(make_metadata(["a.jpg", "ä.jpg"]), target)
    with h5py.File(target) as file:
        rows = file["index/table"]
        assert rows["id"].tolist() == [0, 1]
        assert [path.decode() for path in rows["image_path"]] == ["a.jpg", "ä.jpg"]
        assert rows["label_idx"].tolist() == [0, 1]
    assert pd.read_hdf(target, "index", where="label_idx == 1")["label"].tolist() == ["nan"]


def test_no_metadata(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_metadata(tmp_path / "metadata.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match=r"text\.h5: is no metadata"):
        read_metadata(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match=r"other\.h5: holds no dataset"):
        read_metadata(tmp_path / "other.h5")
