"""The check for leaks finds each kind that is put in, names both sides, and is silent where there is none."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.catalogs import Item, write_catalog
from treeline.catalog.database import open_to_write
from treeline.cli import app
from treeline.io.parquet import write_table
from treeline.schemas import PDQ_HASHES

SPLITS = {"north": "train", "south": "val", "east": "test"}
HASH = "0123456789abcdef" * 4


def sequence(number: int, dataset: str, *locations: str | None) -> Item:
    images: list[Item] = [{"file": f"{number}/{frame}.jpg", "frame_num": frame} for frame, _ in enumerate(locations)]
    for image, location in zip(images, locations, strict=True):
        if location is not None:
            image["location"] = location
    return {"dataset": dataset, "seq_id": f"s{number}", "class": ["bear"], "images": images}


CLEAN = [sequence(number, "caltech", place, place) for number, place in enumerate(SPLITS)]


def catalogue(folder: Path, sequences: list[Item], splits: list[tuple[str, str, str]] | None = None) -> Path:
    """A catalogue in which each image has the name of its file for its uuid."""
    catalog = write_catalog(folder, sequences)
    if splits is None:
        splits = [("caltech", location, split) for location, split in SPLITS.items()]
    with open_to_write(catalog, memory_mb=1024, threads=1) as connection:
        connection.executemany("INSERT INTO splits VALUES (?, ?, ?)", splits)
        connection.execute("UPDATE images SET uuid = file")
    return catalog


def check(catalog: Path, *options: str) -> tuple[Result, list[dict[str, Any]]]:
    report = catalog.parent / "leaks.csv"
    arguments = ["catalog", "leakage", str(catalog), "--report", str(report), *options]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    with report.open(encoding="utf-8", newline="") as file:
        return result, list(csv.DictReader(file))


def hashes(folder: Path, of_images: dict[str, str], quality: int = 100) -> Path:
    rows = [{"uuid": uuid, "hash_pdq": text, "quality": quality} for uuid, text in of_images.items()]
    target = folder / "findings" / "server_name=a" / "partition_id=0.parquet"
    write_table(target, pa.Table.from_pylist(rows, PDQ_HASHES))
    return target.parents[1]


def near(bits: int) -> str:
    return f"{int(HASH, 16) ^ (2**bits - 1):064x}"


def test_nothing_leaks(tmp_path: Path) -> None:
    catalog = catalogue(tmp_path, CLEAN)
    alike_in_one_split = {"0/0.jpg": HASH, "0/1.jpg": HASH, "1/0.jpg": near(32), "not/there.jpg": HASH}
    result, leaks = check(catalog, "--hashes", str(hashes(tmp_path, alike_in_one_split)))
    assert result.exit_code == 0
    assert leaks == []
    assert [line for line in result.stdout.splitlines() if "in two splits" in line] == [
        "location: 0 in two splits",
        "sequence: 0 in two splits",
        "near_duplicate: 0 in two splits",
    ]


def test_location_of_siblings(tmp_path: Path) -> None:
    sequences = [sequence(1, "nacti", "north"), sequence(2, "nacti_private", "north")]
    splits = [("nacti", "north", "train"), ("nacti_private", "north", "test")]
    result, leaks = check(catalogue(tmp_path, sequences, splits))
    assert result.exit_code == 1
    assert [tuple(leak.values())[:6] for leak in leaks] == [
        ("location", "north", "nacti", "train", "nacti_private", "test")
    ]


@pytest.mark.parametrize("other", ["north", None])
def test_sequence_of_two_places(tmp_path: Path, other: str | None) -> None:
    """What has no location is for training."""
    result, leaks = check(catalogue(tmp_path, [*CLEAN, sequence(9, "caltech", "south", other)]))
    assert result.exit_code == 1
    assert [tuple(leak.values())[:6] for leak in leaks] == [
        ("sequence", "caltech/s9", "9/1.jpg", "train", "9/0.jpg", "val")
    ]


@pytest.mark.parametrize(("bits", "most", "found"), [(0, 0, 1), (5, 5, 1), (6, 5, 0), (31, 31, 1)])
def test_look(tmp_path: Path, bits: int, most: int, found: int) -> None:
    table = hashes(tmp_path, {"0/0.jpg": HASH, "1/0.jpg": near(bits)})
    result, leaks = check(catalogue(tmp_path, CLEAN), "--hashes", str(table), "--most-bits", str(most))
    assert result.exit_code == found
    assert len(leaks) == found
    for leak in leaks:
        sides = {(leak["first"], leak["first_split"]), (leak["second"], leak["second_split"])}
        assert sides == {("caltech/0/0.jpg", "train"), ("caltech/1/0.jpg", "val")}
        assert leak["bits"] == str(bits)


def test_many_of_one_look_are_few_leaks(tmp_path: Path) -> None:
    of_images = {f"{number}/{frame}.jpg": HASH for number in range(3) for frame in range(2)}
    _, leaks = check(catalogue(tmp_path, CLEAN), "--hashes", str(hashes(tmp_path, of_images)))
    assert {(leak["first_split"], leak["second_split"]) for leak in leaks} == {
        ("test", "train"),
        ("test", "val"),
        ("train", "val"),
    }
    assert len(leaks) == 3


def test_images_with_little_in_them_are_not_compared(tmp_path: Path) -> None:
    table = hashes(tmp_path, {"0/0.jpg": HASH, "1/0.jpg": HASH}, quality=49)
    catalog = catalogue(tmp_path, CLEAN)
    assert check(catalog, "--hashes", str(table))[0].exit_code == 0
    assert check(catalog, "--hashes", str(table), "--least-quality", "49")[0].exit_code == 1


def test_dataset_without_splits_is_named(tmp_path: Path) -> None:
    catalog = catalogue(tmp_path, [*CLEAN, sequence(9, "nacti", "north")])
    with pytest.raises(Exception, match="the data set nacti has no splits"):
        check(catalog)


def test_hashes_that_are_none(tmp_path: Path) -> None:
    catalog, wrong = catalogue(tmp_path, CLEAN), tmp_path / "wrong.parquet"
    write_table(wrong, pa.table({"uuid": ["x"]}))
    for path, problem in ((wrong, "is no table of uuid, hash_pdq and quality"), (tmp_path / "absent", "no such file")):
        with pytest.raises(Exception, match=problem):
            check(catalog, "--hashes", str(path))
