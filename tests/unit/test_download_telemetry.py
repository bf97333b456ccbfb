"""Requests: each row is kept once, in the order of time, whatever is killed when."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.download import telemetry
from treeline.download.telemetry import Request, RequestLog, Validators, read_validators, write_requests
from treeline.schemas import REQUESTS

START = 1_700_000_000.0


def request(seconds: float, uuid: str | None = "u", **values: object) -> Request:
    """A request that was sent so many seconds after the start."""
    usual = Request(START + seconds, "a.example:8080", uuid, "image", 1, 200, 1000, 12.5, 0.1, 25.0)
    return usual._replace(**values)  # type: ignore[arg-type]


def keep(folder: Path, *requests: Request) -> None:
    """Keep requests as one part."""
    log = RequestLog(folder)
    for each in requests:
        log.add(each)
    log.flush()


def uuids(file: Path) -> list[str | None]:
    found: list[str | None] = pq.read_table(file)["uuid"].to_pylist()
    return found


def test_a_request_comes_back_as_it_was(tmp_path: Path) -> None:
    robots = request(0.25, None, purpose="robots", status=-1, bytes=0, latency_ms=None, server="[::1]:80")
    image = request(1.0, "one", attempt=2, etag='W/"a"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")
    keep(tmp_path / "spool", robots, image)
    write_requests(tmp_path / "spool", tmp_path / "logs" / "requests.parquet")
    table = pq.read_table(tmp_path / "logs" / "requests.parquet")
    assert table.schema.equals(REQUESTS)
    assert table["time"].cast(pa.int64()).to_pylist() == [1_700_000_000_250_000, 1_700_000_001_000_000]
    rows = table.drop_columns(["time"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [robots[1:], image[1:]]
    column = pq.read_metadata(tmp_path / "logs" / "requests.parquet").row_group(0).column(0)
    assert column.compression == "ZSTD"


@settings(max_examples=40)  # each writes some ten files to disk
@given(st.data())
def test_rows_come_by_time_and_once_however_they_were_cut(data: st.DataObject) -> None:
    times = data.draw(st.lists(st.integers(0, 50), max_size=40))
    cuts = sorted({0, len(times), *data.draw(st.lists(st.integers(0, len(times)), max_size=6))})
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "ROW_GROUP_ROWS", data.draw(st.integers(1, 10)))
        folder = Path(name)
        for start, end in zip(cuts, cuts[1:], strict=False):
            keep(folder, *(request(time, f"u{row}") for row, time in enumerate(times[start:end], start)))
            if data.draw(st.booleans()):
                write_requests(folder, folder / "target.parquet")
        write_requests(folder, folder / "target.parquet")
        table = pq.read_table(folder / "target.parquet")
    assert [time - START * 1e6 for time in table["time"].cast(pa.int64()).to_pylist()] == [
        t * 1e6 for t in sorted(times)
    ]
    assert sorted(table["uuid"].to_pylist()) == sorted(f"u{row}" for row in range(len(times)))


def test_a_kill_before_the_parts_are_removed_doubles_nothing(tmp_path: Path) -> None:
    spool, target, aside = tmp_path / "spool", tmp_path / "target.parquet", tmp_path / "aside"
    keep(spool, request(0, "a"))
    keep(spool, request(1, "b"))
    shutil.copytree(spool, aside)
    write_requests(spool, target)
    shutil.copytree(aside, spool, dirs_exist_ok=True)  # as if the merge had ended before it removed them
    target.unlink()
    keep(spool, request(2, "c"))
    write_requests(spool, target)
    assert uuids(target) == ["a", "b", "c"]
    assert [file.name for file in spool.iterdir()] == ["requests.parquet"]


def test_a_merge_that_cannot_be_linked_is_not_lost(tmp_path: Path) -> None:
    spool, logs = tmp_path / "spool", tmp_path / "logs"
    keep(spool, request(0, "a"))
    logs.write_text("a file where the folder should be")
    with pytest.raises(OSError):
        write_requests(spool, logs / "target.parquet")
    logs.unlink()
    write_requests(spool, logs / "target.parquet")
    assert uuids(logs / "target.parquet") == ["a"]


def test_a_removed_file_is_linked_back(tmp_path: Path) -> None:
    keep(tmp_path / "spool", request(0, "a"))
    target = tmp_path / "target.parquet"
    write_requests(tmp_path / "spool", target)
    target.unlink()
    write_requests(tmp_path / "spool", target)
    assert target.samefile(tmp_path / "spool" / "requests.parquet")


def test_a_shard_without_requests_has_a_file_without_rows(tmp_path: Path) -> None:
    write_requests(tmp_path / "spool", tmp_path / "target.parquet")
    assert pq.read_table(tmp_path / "target.parquet").equals(REQUESTS.empty_table())


def test_memory_is_bounded_by_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "PART_ROWS", 10)
    log = RequestLog(tmp_path)
    for second in range(25):
        log.add(request(second))
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["requests-00000.arrow", "requests-00001.arrow"]
    log.flush()
    log.flush()
    assert len(list(tmp_path.iterdir())) == 3


def test_what_cannot_be_written_stays_pending(tmp_path: Path) -> None:
    blocked = tmp_path / "spool"
    log = RequestLog(blocked)
    log.add(request(0, "a"))
    blocked.write_text("a file where the folder should be")
    with pytest.raises(OSError):
        log.flush()
    blocked.unlink()
    log.flush()
    write_requests(blocked, tmp_path / "target.parquet")
    assert uuids(tmp_path / "target.parquet") == ["a"]


def test_validators_are_those_of_the_latest_success(tmp_path: Path) -> None:
    keep(
        tmp_path,
        request(0, None, purpose="robots", etag="robots"),
        request(1, "changed", etag="old", last_modified="Mon"),
        request(2, "lost", etag="old"),
        request(3, "kept", etag="kept"),
        request(4, "redirected", status=302),
        request(5, "redirected", purpose="redirect", last_modified="Tue"),
        request(6, "plain"),
        request(7, "changed", etag="new"),
        request(8, "lost"),
        request(9, "kept", status=304),
        request(10, "kept", status=500),
    )
    write_requests(tmp_path, tmp_path / "target.parquet")
    assert read_validators(tmp_path / "target.parquet") == {
        "changed": Validators("new", None),
        "kept": Validators("kept", None),
        "redirected": Validators(None, "Tue"),
    }
    assert read_validators(tmp_path / "nothing.parquet") == {}


def test_the_query_of_the_guide_finds_the_busiest_seconds(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "download.md").read_text(encoding="utf-8")
    query = guide.partition("```sql\n")[2].partition("```")[0]
    logs = tmp_path / "logs"
    for host, number in (("a.example", 3), ("b.example", 0)):
        spool = tmp_path / host
        sent = [request(second, server=host) for second in range(12) for _ in range(second + 1)]
        keep(spool, *sent)
        write_requests(spool, logs / f"server_name={host}" / f"partition_id={number}.parquet")
    assert "my-results/logs/requests/" in query
    rows = duckdb.sql(query.replace("my-results/logs/requests", str(logs))).fetchall()
    assert rows == [
        (host, datetime.fromtimestamp(START + second, UTC).replace(tzinfo=None), second + 1)
        for host in ("a.example", "b.example")
        for second in range(11, 1, -1)
    ]
