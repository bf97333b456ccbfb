"""A whole analysis: the same however the work is divided, and clear about what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.transform import from_origin
from typer.testing import CliRunner

from tests.analysed import analysed
from tests.dataset_folders import make_dataset
from treeline.analyze.dataset import open_dataset
from treeline.analyze.measure import analyse, channel_names, measure
from treeline.analyze.parts import Item, Sums, measure_items
from treeline.analyze.passes import MOST_BYTES, MOST_ITEMS, measure_images, pack
from treeline.analyze.source import items_of
from treeline.analyze.tables import COLUMNS, HDF5_FILE, PARQUET_FOLDER, RECOMMENDATIONS_FILE
from treeline.analyze.tables import read_tables as read_analysis
from treeline.cli import app
from treeline.config_datasets import EncodingOptions, Task
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.encodings import write_encoding
from treeline.io.datasets.metadata import Metadata, write_metadata
from treeline.io.datasets.samples import read_samples

BANDS = ("blue", "green", "red", "infrared")


def written(folder: Path, task: Task = "multiclass", samples: int = 12) -> tuple[Path, Metadata]:
    """A dataset's `metadata.h5`, beside its images."""
    metadata = make_dataset(folder / "drawn", task, samples).metadata
    write_metadata(metadata, folder / "metadata.h5")
    return folder / "metadata.h5", metadata


def raster_dataset(folder: Path, dtype: str = "float32", gap: float = np.nan) -> tuple[Path, Metadata]:
    """Three rasters of four bands, that lie side by side; one has a gap."""
    paths = []
    for number in range(3):
        values = np.random.default_rng(number).gamma(3, 40, (4, 24, 20)).astype(dtype)
        if number == 1:
            values[:, 3:5, 3:5] = gap
        paths.append(f"{number}.tif")
        profile = {"driver": "GTiff", "width": 20, "height": 24, "count": 4, "dtype": dtype, "crs": "EPSG:32633"}
        profile["photometric"] = "minisblack"  # else the fourth is taken for transparency
        (folder / "rasters").mkdir(exist_ok=True, parents=True)
        with rasterio.open(
            folder / "rasters" / paths[-1], "w", **profile, transform=from_origin(number * 200, 0, 10, 10)
        ) as file:
            file.write(values)
    ids = range(3)
    tables = {
        "index": pd.DataFrame({"id": ids, "image_path": paths, "target": [0.5, 1.5, 2.5]}),
        "spatial": pd.DataFrame({"id": ids, "crs": "EPSG:32633", "x_offset": [0.0, 200, 400], "y_offset": 0.0}),
    }
    metadata = Metadata("rasters", "regression", (), tables, images=(str(folder / "rasters"),), channels=BANDS)
    write_metadata(metadata, folder / "metadata.h5")
    return folder / "metadata.h5", metadata


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_table_is_written_and_read_by_others(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path, "detection")
    measure(dataset, tmp_path / "analysis", workers=0)
    names = {f"{PARQUET_FOLDER}/{name}.parquet" for name in COLUMNS}
    assert content(tmp_path / "analysis").keys() == names | {HDF5_FILE, RECOMMENDATIONS_FILE}
    for name, table in read_analysis(tmp_path / "analysis").items():
        assert list(table.columns) == list(COLUMNS[name])
        if len(table):
            pd.testing.assert_frame_equal(
                pd.DataFrame(pd.read_hdf(tmp_path / "analysis" / HDF5_FILE, name)).fillna({"unit": ""}),
                table,
                check_dtype=False,
            )
    advice = json.loads((tmp_path / "analysis" / RECOMMENDATIONS_FILE).read_text())
    assert set(advice) == {"crop_size", "normalisation", "class_weights", "suspicious"}


def test_processes_change_nothing(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path, samples=MOST_ITEMS + 20)
    measure(dataset, tmp_path / "none", workers=0)
    measure(dataset, tmp_path / "two", workers=2)
    assert content(tmp_path / "none") == content(tmp_path / "two")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> tuple[Metadata, list[Item]]:
    path, metadata = written(tmp_path_factory.mktemp("items"), "segmentation")
    with open_dataset(path) as dataset:
        return metadata, list(items_of(path, dataset))


@pytest.fixture(scope="module")
def undivided(items: tuple[Metadata, list[Item]]) -> tuple[dict[str, pd.DataFrame], str]:
    with analysed(items[0]) as dataset:
        return analyse(dataset, measure_images(items[1], dataset, 0))


@settings(max_examples=6)
@given(cuts=st.sets(st.integers(1, 11)), order=st.permutations(range(12)))
def test_any_division_gives_the_same(
    items: tuple[Metadata, list[Item]],
    undivided: tuple[dict[str, pd.DataFrame], str],
    cuts: set[int],
    order: list[int],
) -> None:
    metadata, all_items = items
    shuffled = [all_items[place] for place in order]
    merged = Sums()
    with analysed(metadata) as dataset:
        for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 12], strict=True):
            part = measure_items(shuffled[start:stop])
            dataset.put(part)
            merged.add(part.sums)
        merged.sort()
        tables, advice = analyse(dataset, merged)
    expected, expected_advice = undivided
    assert advice == expected_advice
    for name, table in expected.items():
        pd.testing.assert_frame_equal(tables[name], table, check_exact=True)


@pytest.mark.parametrize("task", ["detection", "multilabel"])
def test_nothing_hangs_on_what_is_in_memory_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: Task
) -> None:
    dataset, _ = written(tmp_path, task)
    query = "image_width = 12 AND id IN (SELECT id FROM index) AND id > 0"
    measure(dataset, tmp_path / "at-once", query=query, workers=0)
    for name in ("hdf_tables.ROWS_OF_A_PIECE", "disk_tables.PIECE_ROWS"):
        monkeypatch.setattr(f"treeline.io.{name}", 3)
    monkeypatch.setattr("treeline.analyze.dimensions.VALUES_AT_ONCE", 3)
    measure(dataset, tmp_path / "in-pieces", query=query, workers=0)
    assert content(tmp_path / "at-once") == content(tmp_path / "in-pieces")


def test_samples_of_one_id_are_refused() -> None:
    index = pd.DataFrame({"id": [1, 2, 1], "image_path": ["a.jpg", "b.jpg", "c.jpg"]})
    twice = analysed(Metadata("twice", "regression", (), {"index": index}))
    with pytest.raises(InputError, match="twice: two samples have the same id"), twice:
        pass


@pytest.mark.parametrize("kind", ["imagefolder", "hdf5", "numpy"])
def test_encodings_are_measured_as_their_source_is(tmp_path: Path, kind: str) -> None:
    dataset, metadata = written(tmp_path, "segmentation", 6)
    options = EncodingOptions.model_validate({"kind": kind, "size": [10, 12] if kind == "numpy" else None})
    write_encoding(metadata, read_samples(metadata), tmp_path / "encoded", options)
    measure(dataset, tmp_path / "of-source", workers=0)
    measure(tmp_path / "encoded", tmp_path / "of-encoding", workers=0)
    one, other = read_analysis(tmp_path / "of-source"), read_analysis(tmp_path / "of-encoding")
    for name in ("channels", "correlations", "texture", "components", "classes", "times"):
        pd.testing.assert_frame_equal(one[name], other[name])
    # Pixels have no file.
    assert other["dimensions"]["file_bytes"].isna().all() == (kind == "numpy")


def test_a_part_of_the_samples(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path)
    runner = CliRunner()
    out = tmp_path / "analysis"
    arguments = ["analyze", "measure", str(dataset), "--output", str(out), "--workers", "0"]
    assert runner.invoke(app, [*arguments, "--split", "train", "--query", "label = 'deer'"]).exit_code == 0
    table = read_analysis(out)["classes"]
    assert table[["label", "split", "samples"]].values.tolist() == [["deer", "train", 2]]
    with pytest.raises(InputError, match="no sample is left"):
        measure(dataset, out, split="later", workers=0)
    with pytest.raises(ConfigError, match="nonsense"):
        measure(dataset, out, query="nonsense = 1", workers=0)


def test_rasters_have_tables_of_their_own(tmp_path: Path) -> None:
    dataset, _ = raster_dataset(tmp_path)
    measure(dataset, tmp_path / "analysis", workers=0)
    tables = read_analysis(tmp_path / "analysis")
    assert tables["channels"]["name"].tolist() == list(BANDS)
    assert tables["channels"]["count"].tolist() == [3 * 24 * 20 - 4] * 4
    values = np.concatenate([_bands(tmp_path, number).reshape(4, -1) for number in range(3)], axis=1)[0]
    there = values[np.isfinite(values)].astype(np.float64)
    first = tables["channels"].iloc[0]
    assert first[["mean", "variance", "median"]].tolist() == pytest.approx(
        [there.mean(), there.var(), np.median(there)]
    )
    assert len(tables["moran"]) == 12 and tables["moran"]["z"].notna().all()
    assert tables["variogram"]["band"].unique().tolist() == list(BANDS)
    assert tables["anomalies"]["image_path"].unique().tolist() == ["0.tif", "1.tif", "2.tif"]
    assert len(tables["endmembers"]) == 40
    assert tables["places"][["crs", "x", "count"]].values.tolist() == [["EPSG:32633", x, 1] for x in (0, 200, 400)]
    assert not tables["histograms"]["space"].isin(["hsv", "lab"]).any()
    purest = tables["endmembers"].iloc[0]
    assert _bands(tmp_path, purest["id"])[0, purest["y"], purest["x"]] == pytest.approx(purest["value"])


def _bands(folder: Path, number: int) -> npt.NDArray[np.float32]:
    with rasterio.open(folder / "rasters" / f"{number}.tif") as file:
        return np.asarray(file.read(), np.float32)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_what_a_raster_leaves_empty_does_not_count(tmp_path: Path, dtype: str) -> None:
    dataset, _ = raster_dataset(tmp_path, dtype, gap=0)
    measure(dataset, tmp_path / "as-values", workers=0)
    with rasterio.open(tmp_path / "rasters/1.tif", "r+") as file:
        file.nodata = 0
    measure(dataset, tmp_path / "as-gaps", workers=0)
    counts = [read_analysis(tmp_path / name)["channels"]["count"].tolist() for name in ("as-values", "as-gaps")]
    empty = (_bands(tmp_path, 1) == 0).sum((1, 2))
    assert counts[0] == [3 * 24 * 20] * 4 and counts[1] == (3 * 24 * 20 - empty).tolist() and empty.min() >= 4
    assert read_analysis(tmp_path / "as-gaps")["moran"]["moran"].notna().all()


def test_corrupt_images_are_listed_and_the_rest_measured(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset, _ = written(tmp_path)
    (tmp_path / "drawn/images/003.png").write_bytes(b"\x89PNG\r\n\x1a\n nonsense")
    measure(dataset, tmp_path / "analysis", workers=0)
    tables = read_analysis(tmp_path / "analysis")
    bad = tables["suspicious"][tables["suspicious"]["reason"] == "unreadable"]
    assert bad[["id", "image_path"]].values.tolist() == [[9, "images/003.png"]] and bad["value"].isna().all()
    assert "images/003.png cannot be read" in caplog.text
    assert tables["dimensions"]["count"].sum() == 11
    for path in (tmp_path / "drawn/images").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match="none of its images can be read"):
        measure(dataset, tmp_path / "analysis", workers=0)


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path)
    (tmp_path / "drawn/images/005.png").unlink()
    with pytest.raises(InputError, match=r"images/005\.png is not there"):
        measure(dataset, tmp_path / "analysis", workers=0)
    assert not (tmp_path / "analysis").exists()


def test_images_with_other_channels_are_named(tmp_path: Path) -> None:
    dataset, _ = raster_dataset(tmp_path)
    Image.new("RGB", (5, 5)).save(tmp_path / "rasters/1.tif", "PNG")
    with pytest.raises(InputError, match=r"1\.tif: it has 3 channels of 8 bits, and 0\.tif 4 channels of more than 8"):
        measure(dataset, tmp_path / "analysis", workers=0)


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    dataset, _ = written(tmp_path, "segmentation")
    Image.new("L", (4, 4)).save(tmp_path / "drawn/masks/002.png")
    with pytest.raises(InputError, match=r"images/002\.png: its mask has"):
        measure(dataset, tmp_path / "analysis", workers=1)


def test_samples_that_are_not_divided_have_no_split(tmp_path: Path) -> None:
    dataset, metadata = written(tmp_path)
    write_metadata(metadata.with_tables(index=metadata.index.drop(columns="split")), dataset)
    with pytest.raises(InputError, match="not divided"), open_dataset(dataset, "train"):
        pass
    with pytest.raises(InputError, match="no such file"), open_dataset(tmp_path / "other" / "metadata.h5"):
        pass


def test_channels_without_names_have_numbers() -> None:
    assert channel_names(("red", "green", "blue"), 4) == ["1", "2", "3", "4"]
    assert channel_names(BANDS, 4) == list(BANDS)


def test_packs_are_small() -> None:
    item = Item(0, "", b"", None, "", 0, False, False)
    assert [len(packed) for packed in pack([item] * (MOST_ITEMS + 1))] == [MOST_ITEMS, 1]
    large = item._replace(data=bytes(MOST_BYTES))
    assert [len(packed) for packed in pack([large, large, item])] == [1, 1, 1]
