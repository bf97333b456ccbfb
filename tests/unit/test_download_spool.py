"""The spool: whatever order rows are finished in, the tables come out the same, and in the batch's order."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.batches import write_batch
from treeline.config_download import DownloaderParameters
from treeline.download.assemble import ROW_GROUPS_AT_ONCE, Assembly
from treeline.download.spool import Spool, origin_of, read_statistics, write_statistics
from treeline.errors import TreelineError
from treeline.schemas import ERRORS, SUCCESSES

PARAMETERS = DownloaderParameters()


def finished_row(row: int) -> dict[str, Any]:
    """Every third row is an error."""
    if row % 3 == 2:
        return {"row": row, "retry_count": row, "error_code": 404, "error_msg": f"no {row}"}
    image = bytes([row % 256]) * (row % 7 + 1)
    return {
        "row": row,
        "retry_count": 1,
        "image": image,
        "hashsum_original": hashlib.md5(image).hexdigest(),
        "hashsum_resized": hashlib.md5(image).hexdigest(),
        "original_size": [row, 2],
        "resized_size": [row, 1],
    }


def read_batch(path: Path, rows: int) -> pa.Table:
    return pq.read_table(write_batch(path, [f"http://example.org/{row}" for row in range(rows)]))


def assemble(spool: Spool, batch: pa.Table) -> tuple[int, int]:
    """Put the tables together from what the spool holds."""
    with Assembly(spool, batch) as assembly:
        return assembly.finish()


@given(st.data())
def test_tables_do_not_depend_on_the_order_of_the_work(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    order = data.draw(st.permutations(range(rows)))
    cuts = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=5))})
    with TemporaryDirectory() as folder:
        batch = read_batch(Path(folder) / "urls.parquet", rows)
        outputs = []
        for name, pieces in {
            "interrupted": [order[start:end] for start, end in zip(cuts, cuts[1:], strict=False)],
            "in one go": [list(range(rows))],
        }.items():
            spool = Spool(Path(folder) / name, origin_of("batch", PARAMETERS))
            for piece in pieces:
                spool.write_segment([finished_row(row) for row in piece])
            assert assemble(spool, batch) == (rows - rows // 3, rows // 3)
            outputs.append((spool.successes.read_bytes(), spool.errors.read_bytes()))
        assert outputs[0] == outputs[1]
        successes, errors = pq.read_table(spool.successes), pq.read_table(spool.errors)
    assert successes["uuid"].to_pylist() == [f"uuid-{row:05d}" for row in range(rows) if row % 3 != 2]
    assert successes["image"].to_pylist() == [finished_row(row)["image"] for row in range(rows) if row % 3 != 2]
    assert errors["retry_count"].to_pylist() == [row for row in range(rows) if row % 3 == 2]


@given(st.data())
def test_tables_put_together_while_rows_come_are_those_of_the_end(data: st.DataObject) -> None:
    rows, most_bytes = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 30))
    order = data.draw(st.permutations(range(rows)))
    cuts = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=8))})
    with TemporaryDirectory() as folder, patch("treeline.download.assemble.IMAGE_ROW_GROUP_BYTES", most_bytes):
        batch = read_batch(Path(folder) / "urls.parquet", rows)
        at_the_end, as_they_come = (Spool(Path(folder) / name, origin_of("batch", PARAMETERS)) for name in "ab")
        at_the_end.write_segment([finished_row(row) for row in range(rows)])
        assemble(at_the_end, batch)
        with Assembly(as_they_come, batch) as assembly:
            for start, end in pairwise(cuts):
                as_they_come.write_segment([finished_row(row) for row in order[start:end]])
                assembly.advance()
            assert assembly.finish() == (rows - rows // 3, rows // 3)
        assert as_they_come.successes.read_bytes() == at_the_end.successes.read_bytes()
        assert as_they_come.errors.read_bytes() == at_the_end.errors.read_bytes()


def test_whole_row_groups_are_written_before_the_end_and_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    rows = 256 * 3 * (ROW_GROUPS_AT_ONCE + 2) // 2  # every third is an error
    batch = read_batch(tmp_path / "urls.parquet", rows)
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([finished_row(row) for row in range(1, rows)])
    with pytest.raises(KeyboardInterrupt), Assembly(spool, batch) as assembly:
        table = next(spool.folder.glob(".tmp-*/successes.parquet"))
        sizes = [table.stat().st_size]
        for _ in range(3):
            assembly.advance()
            sizes.append(table.stat().st_size)
            if len(sizes) == 2:
                spool.write_segment([finished_row(0)])
        raise KeyboardInterrupt
    assert sizes[0] == sizes[1] < sizes[2] < sizes[3]  # a row was missing; a few row groups; the rest but for the last
    assert sorted(file.name for file in spool.folder.iterdir()) == ["segment-00000.arrow", "segment-00001.arrow"]


def test_tables_have_the_columns_row_groups_and_origin_that_are_promised(tmp_path: Path) -> None:
    batch = read_batch(tmp_path / "urls.parquet", 1000)
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([finished_row(row) for row in range(1000)])
    assemble(spool, batch)
    for table, schema in ((spool.successes, SUCCESSES), (spool.errors, ERRORS)):
        metadata = pq.read_metadata(table)
        assert pq.read_schema(table).equals(schema)
        assert max(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)) <= 256
        column = metadata.row_group(0).column(0)
        assert column.compression == "ZSTD"
        assert column.statistics.min == pq.ParquetFile(table).read_row_group(0)["uuid"][0].as_py()
        assert metadata.metadata[b"treeline.batch_sha256"] == b"abc"
        assert b"image_size" in metadata.metadata[b"treeline.parameters"]


def test_row_groups_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treeline.download.assemble.IMAGE_ROW_GROUP_BYTES", 1000)
    sizes = [400, 400, 400, 5000, 10, 10]
    batch = read_batch(tmp_path / "urls.parquet", len(sizes))
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([{**finished_row(0), "row": row, "image": bytes(size)} for row, size in enumerate(sizes)])
    assemble(spool, batch)
    metadata = pq.read_metadata(spool.successes)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2, 1, 1, 2]


def test_licences_are_full_only_when_all_three_are_given(tmp_path: Path) -> None:
    batch = pq.read_table(
        write_batch(
            tmp_path / "urls.parquet",
            ["http://example.org/0"] * 4,
            license=["CC0", None, "CC0", "CC0"],
            source=["a", "b", " ", "d"],
            title=["A", "B", "C", "D"],
        )
    )
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([{**finished_row(0), "row": row} for row in range(4)])
    assemble(spool, batch)
    table = pq.read_table(spool.successes)
    assert table["is_license_full"].to_pylist() == [True, False, False, True]
    assert table["license"].to_pylist() == ["CC0", "Not provided", "CC0", "CC0"]
    assert table["source"].to_pylist() == ["a", "b", "Not provided", "d"]


def test_missing_rows_are_never_assembled(tmp_path: Path) -> None:
    batch = read_batch(tmp_path / "urls.parquet", 3)
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([finished_row(0), finished_row(2)])
    with pytest.raises(ValueError, match="2 of 3 rows"):
        assemble(spool, batch)
    assert not spool.is_complete


def test_a_row_that_two_jobs_finished_counts_once(tmp_path: Path) -> None:
    batch = read_batch(tmp_path / "urls.parquet", 2)
    spool = Spool(tmp_path / "spool", origin_of("abc", PARAMETERS))
    spool.write_segment([finished_row(0), finished_row(1)])
    spool.write_segment([finished_row(1)])
    assert assemble(spool, batch) == (2, 0)


def test_other_bytes_or_image_parameters_are_another_spool(tmp_path: Path) -> None:
    same = Spool(tmp_path, origin_of("abc", DownloaderParameters(timeout=1.0, max_retries=1, max_image_bytes=9)))
    assert same.folder == Spool(tmp_path, origin_of("abc", PARAMETERS)).folder
    others = [
        Spool(tmp_path, origin_of("abd", PARAMETERS)),
        Spool(tmp_path, origin_of("abc", DownloaderParameters(image_size=100))),
    ]
    assert len({same.folder, *(spool.folder for spool in others)}) == 3


def test_only_one_job_works_on_a_shard(tmp_path: Path) -> None:
    one, other = Spool(tmp_path, origin_of("abc", PARAMETERS)), Spool(tmp_path, origin_of("abc", PARAMETERS))
    with one.lock(), pytest.raises(TreelineError, match=r"process \d+ on .* is downloading this shard"), other.lock():
        pytest.fail("two jobs hold the lock")
    with other.lock():
        assert "process" in (tmp_path / "lock").read_text()


def test_statistics_are_kept(tmp_path: Path) -> None:
    assert read_statistics(tmp_path) == {}
    write_statistics(tmp_path, {"share_of_rate_limit": 0.5})
    assert read_statistics(tmp_path) == {"share_of_rate_limit": 0.5}
