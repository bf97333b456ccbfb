"""The category pass and the report over a group's batches."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tiny_shards import TAXONOMY
from treeline.errors import InputError, ShardError
from treeline.extract.categories import write_categories
from treeline.extract.group import report_group
from treeline.extract.parts import PartWriter
from treeline.extract.reports import Counts

RULES = TAXONOMY / "museum_categories.yaml"
KINGDOMS = {"Plantae": "Plant", "Fungi": "Fungi", "Viruses": "Uncategorized"}
RANKS = ("kingdom", "phylum", "class", "order")


def write_group(root: Path, rows_of_batches: list[int]) -> tuple[Path, Path]:
    """Write extracted batches whose kingdoms alternate, and give the manifest and their folder."""
    folder = root / "extracted"
    lines = ["group,group_id,rows,paths"]
    kingdoms = list(KINGDOMS)
    for group_id, rows in enumerate(rows_of_batches):
        batch = folder / f"group_id={group_id}"
        batch.mkdir(parents=True, exist_ok=True)
        ranks: dict[str, list[str | None]] = {name: [None] * rows for name in RANKS}
        ranks["kingdom"] = [kingdoms[number % len(kingdoms)] for number in range(rows)]
        columns = {"uuid": [f"{group_id}-{number:04}" for number in range(rows)], **ranks, "image": [b"x"] * rows}
        table = pa.table(
            columns, schema=pa.schema([(name, pa.string()) for name in columns][:-1] + [("image", pa.binary())])
        )
        with PartWriter(batch, table.schema, max_rows=10) as parts:
            for records in table.to_batches():
                parts.write(records)
        Counts(asked=rows + 2, found=rows, missing=1, duplicates=1).write(folder / f"group_id={group_id}.report.csv")
        lines.append(f"g,{group_id},{rows + 2},1")
    manifest = root / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest, folder


def read_categories(folder: Path) -> dict[str, list[str]]:
    return {
        each.name.removeprefix("category="): [
            uuid for part in sorted(each.iterdir()) for uuid in pq.ParquetFile(part).read()["uuid"].to_pylist()
        ]
        for each in folder.glob("category=*")
    }


def test_every_record_is_in_its_category_once_and_in_order(tmp_path: Path) -> None:
    manifest, folder = write_group(tmp_path, [25, 0, 14, *[1] * 8, 12])  # a number 10 comes after 9, not after 1
    target = folder / "categories.csv"
    write_categories(manifest, folder, RULES, target, max_records=7)
    batches = [pq.ParquetFile(part).read().to_pylist() for number in range(12)
               for part in sorted((folder / f"group_id={number}").iterdir())]  # fmt: skip
    expected: dict[str, list[str]] = {name: [] for name in KINGDOMS.values()}
    for row in (row for batch in batches for row in batch):
        expected[KINGDOMS[row["kingdom"]]].append(row["uuid"])
    assert read_categories(folder) == expected

    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    records: Counter[str] = Counter()
    for row in rows:
        written = pq.ParquetFile(folder / row["file"]).metadata.num_rows
        assert written == int(row["records"]) <= 7
        records[row["category"]] += written
    assert records == {name: len(uuids) for name, uuids in expected.items()}
    assert records.total() == sum(len(batch) for batch in batches)


def test_a_second_run_gives_the_same_bytes_and_removes_what_is_stale(tmp_path: Path) -> None:
    manifest, folder = write_group(tmp_path, [25])
    target = folder / "categories.csv"
    write_categories(manifest, folder, RULES, target, max_records=7)
    files = {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
    (folder / "category=Gone").mkdir()
    write_categories(manifest, folder, RULES, target, max_records=7)
    assert {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()} == files
    assert not (folder / "category=Gone").exists() and not any(folder.glob(".tmp-*"))


def test_parts_without_ranks_are_refused(tmp_path: Path) -> None:
    manifest, folder = write_group(tmp_path, [1])
    pq.write_table(pa.table({"uuid": ["u"], "image": [b"x"]}), folder / "group_id=0" / "part-00000.parquet")
    with pytest.raises(ShardError, match=r"part-00000\.parquet, field 'class'"):
        write_categories(manifest, folder, RULES, folder / "categories.csv", max_records=7)
    assert not (folder / "categories.csv").exists()


def test_group_report_lists_batches_and_removes_stale_ones(tmp_path: Path) -> None:
    manifest, folder = write_group(tmp_path, [3, 4, 5])
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:-1]) + "\n")
    report_group(manifest, folder, folder / "report.csv")
    assert (folder / "report.csv").read_text() == ("group_id,asked,found,missing,duplicates\n0,5,3,1,1\n1,6,4,1,1\n")
    assert sorted(file.name for file in folder.iterdir()) == [
        "group_id=0", "group_id=0.report.csv", "group_id=1", "group_id=1.report.csv", "report.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("counts", [Counts(asked=4, found=4), Counts(asked=5, found=3, missing=1), None])
def test_a_report_that_does_not_add_up_is_refused(tmp_path: Path, counts: Counts | None) -> None:
    manifest, folder = write_group(tmp_path, [3])
    report = folder / "group_id=0.report.csv"
    report.unlink() if counts is None else counts.write(report)
    with pytest.raises(InputError, match=r"group_id=0\.report\.csv"):
        report_group(manifest, folder, folder / "report.csv")
