"""The project's Parquet habits, seen with plain pyarrow."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shards import shard_row, write_shard
from treeline import __version__
from treeline.errors import ShardError
from treeline.io.parquet import (
    open_shard,
    parquet_writer,
    read_metadata,
    row_sizes,
    sha256_of_file,
    stream_rows,
    write_table,
)
from treeline.schemas import SUCCESSES

TABLE = pa.table({"uuid": ["a", "b"], "rows": [1, 2]})


def test_a_table_comes_back_with_its_facts(tmp_path: Path) -> None:
    write_table(tmp_path / "table.parquet", TABLE, {"batch_sha256": "abc"})
    assert pq.read_table(tmp_path / "table.parquet").to_pydict() == TABLE.to_pydict()
    assert read_metadata(tmp_path / "table.parquet") == {"batch_sha256": "abc", "version": __version__}


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_table(tmp_path / name, TABLE, {"z": "1", "a": "2"})
    assert sha256_of_file(tmp_path / "one") == sha256_of_file(tmp_path / "other")


def test_a_file_of_others_has_no_facts(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "table.parquet")
    assert read_metadata(tmp_path / "table.parquet") == {}


def test_row_groups_have_statistics_on_uuid_and_none_on_images(tmp_path: Path) -> None:
    shard = pa.Table.from_pylist([shard_row(number, b"x" * 100) for number in range(4)], schema=SUCCESSES)
    with parquet_writer(tmp_path / "shard.parquet", SUCCESSES) as writer:
        writer.write_table(shard.slice(0, 2))
        writer.write_table(shard.slice(2))
    metadata = pq.read_metadata(tmp_path / "shard.parquet")
    uuid, image = SUCCESSES.get_field_index("uuid"), -1
    assert [metadata.row_group(group).num_rows for group in range(2)] == [2, 2]
    assert metadata.row_group(1).column(uuid).statistics.min == "image-2"
    columns = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
    assert columns[image].path_in_schema == "image"
    assert columns[image].statistics is None
    assert {column.compression for column in columns} == {"ZSTD"}


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), parquet_writer(tmp_path / "table.parquet", TABLE.schema) as writer:
        writer.write_table(TABLE)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_rows_stream_in_order_and_in_small_batches(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard.parquet", [shard_row(number, b"x") for number in range(100)])
    batches = list(stream_rows(shard, ["uuid", "image"], batch_rows=32))
    assert max(batch.num_rows for batch in batches) == 32
    assert [uuid for batch in batches for uuid in batch["uuid"].to_pylist()] == [f"image-{n}" for n in range(100)]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "table.parquet")
    with pytest.raises(ShardError, match=r"table\.parquet, field 'image'.*uuid, rows"):
        open_shard(tmp_path / "table.parquet", ["uuid", "image"])


def test_what_is_no_parquet_is_a_shard_error(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("PAR1, but not really")
    for path in (tmp_path / "text.parquet", tmp_path / "missing.parquet"):
        with pytest.raises(ShardError, match=path.name):
            open_shard(path, [])


def test_a_file_that_is_damaged_inside_is_a_shard_error(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard.parquet", [shard_row(number, bytes([number]) * 500) for number in range(50)])
    content = bytearray(shard.read_bytes())
    content[4:400] = b"\xff" * 396
    shard.write_bytes(content)
    with pytest.raises(ShardError, match=r"shard\.parquet: is damaged"):
        list(stream_rows(shard, ["uuid", "source_id"]))


def test_sizes_that_are_missing_are_left_out() -> None:
    assert row_sizes({"original_size": [2, 3], "resized_size": [1, 1]}) == [(2, 3), (1, 1)]
    assert row_sizes({"original_size": None, "resized_size": [1, None]}) == []
    assert row_sizes({"resized_size": [1, 2, 3]}) == []
