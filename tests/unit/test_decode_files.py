"""Parquet files of others become archives without a pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.shards import encoded_kinds, shard_row, write_shard
from treeline.decode.files import decode_files
from treeline.errors import InputError, ShardError

IMAGE = encoded_kinds()["jpeg"]


def relative_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_one_file_becomes_one_archive(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "part-0.c000.parquet", [shard_row(0, IMAGE), shard_row(1, b"broken")])
    report = decode_files(shard, tmp_path / "out", archive="tar.gz", image_format="stored")
    assert (report.rows, report.images, report.undecodable) == (2, 1, 1)
    stem = "part-0.c000"
    assert relative_files(tmp_path / "out") == [
        f"{stem}.tar.gz", f"{stem}.tar.gz.index.csv", f"{stem}.undecodable.csv",
    ]  # fmt: skip


def test_a_folder_keeps_its_layout_and_what_is_no_shard_is_passed_over(tmp_path: Path) -> None:
    for name in ("server_name=a/partition_id=0", "server_name=b/partition_id=0"):
        write_shard(tmp_path / "in" / name / "successes.parquet", [shard_row(0, IMAGE)])
        for other in ("errors.parquet", ".hidden.parquet", "_temporary/x.parquet"):
            path = tmp_path / "in" / name / other
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"no Parquet at all")
    report = decode_files(tmp_path / "in", tmp_path / "out", archive="folder", image_format="png")
    assert (report.rows, report.images) == (2, 2)
    assert relative_files(tmp_path / "out" / "server_name=a") == [
        "partition_id=0/successes.undecodable.csv",
        "partition_id=0/successes/image-0.json",
        "partition_id=0/successes/image-0.png",
    ]


def test_a_second_run_decodes_only_what_is_new(tmp_path: Path) -> None:
    shards = [write_shard(tmp_path / "in" / f"{name}.parquet", [shard_row(0, IMAGE)]) for name in "ab"]
    decode_files(tmp_path / "in", tmp_path / "out", archive="tar", image_format="stored")
    assert decode_files(tmp_path / "in", tmp_path / "out", archive="tar", image_format="stored").rows == 0
    later = (tmp_path / "out" / "a.tar").stat().st_mtime + 10
    os.utime(shards[0], (later, later))
    assert decode_files(tmp_path / "in", tmp_path / "out", archive="tar", image_format="stored").rows == 1


def test_a_wrong_file_among_shards_is_named(tmp_path: Path) -> None:
    write_shard(tmp_path / "in" / "a.parquet", [shard_row(0, IMAGE)])
    (tmp_path / "in" / "b.parquet").write_text("no Parquet")
    with pytest.raises(ShardError, match=r"b\.parquet"):
        decode_files(tmp_path / "in", tmp_path / "out", archive="tar", image_format="stored")
    assert (tmp_path / "out" / "a.tar").exists()


def test_nothing_to_decode_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in ("empty", "missing"):
        with pytest.raises(InputError, match=source):
            decode_files(tmp_path / source, tmp_path / "out", archive="tar", image_format="stored")
