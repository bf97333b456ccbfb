"""Extraction of a lookup batch: the right images, whole accounts, only the needed row groups."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_shards import raw_pixels, shard_table, write_shard
from treeline.errors import ShardError
from treeline.extract.batch import NO_PATH, NO_SHARD, NOT_IN_SHARD, Limits, extract_batch
from treeline.extract.reports import Counts

Asked = list[tuple[str | None, str | None]]


def extract(root: Path, asked: Asked, *, max_rows: int = 1024, max_bytes: int = 1024**3) -> Counts:
    """Extract (uuid, path) rows into `root/out`, with a further column that numbers them."""
    uuids, paths = ([row[column] for row in asked] for column in (0, 1))
    columns = {"uuid": pa.array(uuids, pa.string()), "path": pa.array(paths, pa.string()), "number": range(len(asked))}
    pq.write_table(pa.table(columns), root / "lookup.parquet")
    return extract_batch(
        root / "lookup.parquet",
        root,
        root / "out",
        root / "out.report.csv",
        root / "out.missing.csv",
        limits=Limits(max_rows, max_bytes),
        memory_mb=256,
    )


def parts(root: Path) -> list[pa.Table]:
    return [pq.ParquetFile(file).read() for file in sorted((root / "out").iterdir())]


def missing(root: Path) -> list[tuple[str, ...]]:
    with (root / "out.missing.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_images_come_with_the_columns_of_the_lookup_table(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", ["u3", "u1", "u2"], ["1", "2", "3"])
    write_shard(tmp_path / "b", ["v1"], ["4"])
    counts = extract(tmp_path, [("v1", "b"), ("u1", "a"), ("u3", "a")])
    assert counts == Counts(asked=3, found=3) == Counts.read(tmp_path / "out.report.csv")
    [table] = parts(tmp_path)
    assert table.to_pydict() == {
        "uuid": ["u3", "u1", "v1"],
        "path": ["a", "a", "b"],
        "number": [2, 1, 0],
        "original_size": [[3, 5]] * 3,
        "resized_size": [[3, 5]] * 3,
        "image": [raw_pixels(uuid) for uuid in ("u3", "u1", "v1")],
    }
    assert missing(tmp_path) == []


def test_missing_rows_are_listed_with_the_reason(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", ["u1"], ["1"])
    asked: Asked = [("u1", "a"), ("u2", "a"), (None, "a"), ("v", "gone"), ("x", None)]
    assert extract(tmp_path, asked) == Counts(asked=5, found=1, missing=4)
    listed = {(uuid, path): reason for uuid, path, reason in missing(tmp_path)}
    assert listed["u2", "a"] == listed["", "a"] == NOT_IN_SHARD
    assert listed["v", "gone"] == NO_SHARD
    assert listed["x", ""] == NO_PATH


def test_a_shard_may_be_named_in_two_ways(tmp_path: Path) -> None:
    write_shard(tmp_path / "folder" / "a", ["u1", "u2"], ["1", "2"])
    assert extract(tmp_path, [("u1", "folder//a"), ("u2", "folder/a")]) == Counts(asked=2, found=2)
    assert [row for table in parts(tmp_path) for row in table["uuid"].to_pylist()] == ["u1", "u2"]


def test_a_shard_that_cannot_be_read_fails_the_job(tmp_path: Path) -> None:
    """What cannot be read now may be readable the next time: a loss must not pass for a success."""
    write_shard(tmp_path / "a", ["u1"], ["1"])
    (tmp_path / "broken").write_bytes(b"PAR1 and no more")
    pq.write_table(pa.table({"uuid": ["w"], "path": ["x"]}), tmp_path / "other")
    for path, problem in (("broken", "not a readable Parquet"), ("other", "the column is missing")):
        with pytest.raises(ShardError, match=f"{path}.*{problem}"):
            extract(tmp_path, [("u1", "a"), ("w", path)])
        assert not (tmp_path / "out").exists() and not (tmp_path / "out.report.csv").exists()


def test_the_first_path_that_has_an_image_counts(tmp_path: Path) -> None:
    write_shard(tmp_path / "b", ["u1", "u1"], ["1", "1"])
    write_shard(tmp_path / "c", ["u1"], ["1"])
    asked: Asked = [("u1", "c"), ("u1", "b"), ("u1", "a"), ("u1", "b")]
    assert extract(tmp_path, asked) == Counts(asked=4, found=1, missing=1, duplicates=2)
    [table] = parts(tmp_path)
    assert table.select(["uuid", "path", "number"]).to_pylist() == [{"uuid": "u1", "path": "b", "number": 1}]
    assert missing(tmp_path) == [("u1", "a", NO_SHARD)]


def test_nothing_found_leaves_an_empty_folder(tmp_path: Path) -> None:
    assert extract(tmp_path, []) == Counts()
    assert parts(tmp_path) == []


@pytest.mark.parametrize("statistics", [True, False])
def test_row_groups_without_a_wanted_image_are_not_read(tmp_path: Path, statistics: bool) -> None:
    """Wanted images still come out when the image pages of every other row group are destroyed."""
    uuids = [f"u{number:03}" for number in range(100)]
    file = tmp_path / "a"
    pq.write_table(shard_table(uuids, uuids), file, row_group_size=10, write_statistics=statistics, compression="zstd")
    column = pq.ParquetFile(file).schema_arrow.names.index("image")
    content = bytearray(file.read_bytes())
    for number in set(range(10)) - {3, 7}:
        chunk = pq.ParquetFile(file).metadata.row_group(number).column(column)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    file.write_bytes(content)

    assert extract(tmp_path, [("u035", "a"), ("u071", "a"), ("u079", "a")]) == Counts(asked=3, found=3)
    [table] = parts(tmp_path)
    assert table["image"].to_pylist() == [raw_pixels(uuid) for uuid in ("u035", "u071", "u079")]

    with pytest.raises(ShardError, match="cannot be read to its end"):  # the pages are destroyed indeed
        extract(tmp_path, [("u035", "a"), ("u055", "a")])


@pytest.mark.parametrize("row_group_rows", [1, 7, 256, 5000])
def test_parts_and_row_groups_do_not_depend_on_the_shards_row_groups(tmp_path: Path, row_group_rows: int) -> None:
    uuids = [f"u{number:04}" for number in range(700)]
    write_shard(tmp_path / "a", uuids[:650], uuids[:650], row_group_rows)
    write_shard(tmp_path / "b", uuids[650:], uuids[650:], row_group_rows)
    extract(tmp_path, [(uuid, "a" if uuid < "u0650" else "b") for uuid in uuids], max_rows=300)
    files = [pq.ParquetFile(file).metadata for file in sorted((tmp_path / "out").iterdir())]
    groups = [[file.row_group(number).num_rows for number in range(file.num_row_groups)] for file in files]
    assert groups == [[256, 44], [256, 44], [100]]
    assert [row for table in parts(tmp_path) for row in table["uuid"].to_pylist()] == uuids


def test_parts_keep_to_their_bytes(tmp_path: Path) -> None:
    uuids = [f"u{number:02}" for number in range(10)]
    write_shard(tmp_path / "a", uuids, uuids)
    image_bytes = len(raw_pixels("u"))
    extract(tmp_path, [(uuid, "a") for uuid in uuids], max_bytes=4 * image_bytes + 1)
    assert [table.num_rows for table in parts(tmp_path)] == [4, 4, 2]
    extract(tmp_path, [(uuid, "a") for uuid in uuids], max_bytes=1)
    assert [table.num_rows for table in parts(tmp_path)] == [1] * 10


def test_a_table_without_path_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"uuid": ["u"]}), tmp_path / "lookup.parquet")
    with pytest.raises(ShardError, match=r"lookup\.parquet, field 'path'"):
        extract_batch(
            tmp_path / "lookup.parquet", tmp_path, tmp_path / "out", tmp_path / "r", tmp_path / "m",
            limits=Limits(1, 1), memory_mb=256,
        )  # fmt: skip


UUIDS = st.sampled_from([f"u{number}" for number in range(6)])
PATHS = st.sampled_from(["a", "b", "c", "gone"])


@settings(max_examples=25, deadline=None)
@given(
    shards=st.fixed_dictionaries({path: st.lists(UUIDS, max_size=8) for path in ("a", "b", "c")}),
    asked=st.lists(st.tuples(UUIDS, PATHS), max_size=20),
    row_group_rows=st.integers(1, 4),
    max_rows=st.integers(1, 4),
)
def test_every_asked_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory,
    shards: dict[str, list[str]],
    asked: list[tuple[str, str]],
    row_group_rows: int,
    max_rows: int,
) -> None:
    root = tmp_path_factory.mktemp("extract")
    for path, uuids in shards.items():
        write_shard(root / path, uuids, uuids, row_group_rows)
    counts = extract(root, list(asked), max_rows=max_rows)

    holders: dict[str, set[str]] = defaultdict(set)
    for uuid, path in asked:
        if uuid in shards.get(path, []):
            holders[uuid].add(path)
    first = {uuid: min(paths) for uuid, paths in holders.items()}
    lost = sorted((u, p) for u, p in asked if u not in shards.get(p, []) and not (u in first and first[u] < p))
    assert (counts.asked, counts.found, counts.missing) == (len(asked), len(first), len(lost))
    assert counts.asked == counts.found + counts.missing + counts.duplicates
    written = [row for table in parts(root) for row in table.select(["uuid", "path"]).to_pylist()]
    assert {row["uuid"]: row["path"] for row in written} == first and len(written) == len(first)
    assert sorted((uuid, path) for uuid, path, _ in missing(root)) == lost
    assert all(table.num_rows <= max_rows for table in parts(root))
