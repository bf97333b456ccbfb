"""A whole shard, by the command that Snakemake runs: accounting, politeness, and what is tried again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.batches import encoded, photo, write_batch
from tests.servers import ImageServer, Reply
from tests.shard_downloads import IMAGE, outputs, rows_in_segments, run
from treeline.download.spool import Spool
from treeline.io.parquet import read_metadata


def test_every_row_is_a_success_or_an_error(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [
            server.add("/good.jpg", body=IMAGE),
            server.add("/late.jpg", Reply(status=503), Reply(IMAGE)),
            server.url("/missing.jpg"),
            server.add("/page.jpg", body=b"<html>no image</html>"),
            server.add("/broken.jpg", status=500),
            server.add("/cut.jpg", body=IMAGE[:-300]),
        ]
        write_batch(tmp_path / "urls.parquet", urls)
        assert run(tmp_path, max_retries=2).returncode == 0
    successes = pq.read_table(tmp_path / "shard/successes.parquet")
    errors = pq.read_table(tmp_path / "shard/errors.parquet").to_pylist()
    assert successes["identifier"].to_pylist() == urls[:2]
    assert [(row["uuid"], row["error_code"], row["retry_count"]) for row in errors] == [
        ("uuid-00002", 404, 1),
        ("uuid-00003", -2, 1),
        ("uuid-00004", 500, 3),
        ("uuid-00005", -2, 1),
    ]
    assert (tmp_path / "shard/completed").exists()
    assert rows_in_segments(tmp_path) == set()


def test_a_shard_that_was_deleted_comes_back_without_a_request(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [server.add(f"/{number}.jpg", body=IMAGE) for number in range(5)]
        write_batch(tmp_path / "urls.parquet", urls)
        run(tmp_path)
        before, asked = outputs(tmp_path), len(server.requests())
        for file in (tmp_path / "shard").iterdir():
            file.unlink()
        assert run(tmp_path).returncode == 0
        assert outputs(tmp_path) == before
        assert len(server.requests()) == asked
        assert run(tmp_path, "--refetch").returncode == 0
        assert outputs(tmp_path) == before
        assert len(server.requests()) == 2 * asked


def test_the_servers_own_log_shows_no_more_than_the_limit(tmp_path: Path) -> None:
    """The profiles table's rate is divided among the lanes, and so is the concurrency."""
    folder = tmp_path / "server_name=a.example"
    (tmp_path / "profiles.csv").write_text("server_name,rate_limit\na.example,40\n")
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE, delay_seconds=0.1) for row in range(40)]
        write_batch(folder / "urls.parquet", urls)
        options = ("--profiles", str(tmp_path / "profiles.csv"), "--lanes", "2")
        assert run(folder, *options, max_concurrency=8).returncode == 0
        times = [request.time for request in server.requests()]
        assert server.most_at_once <= 4
    for start in times:  # a second's requests, and those that a stall of this process may add
        assert sum(start <= moment < start + 1 for moment in times) <= 20 + 5


def test_a_learned_rate_travels_to_the_next_shard(tmp_path: Path) -> None:
    with ImageServer() as server:
        busy = Reply(status=503)
        urls = [server.add(f"/{row}.jpg", busy, Reply(IMAGE)) for row in range(4)]
        write_batch(tmp_path / "one/urls.parquet", urls)
        write_batch(tmp_path / "two/urls.parquet", [server.add("/last.jpg", body=IMAGE)])
        run(tmp_path / "one", rate_multiplier=0.9)
        run(tmp_path / "two", "--previous", str(tmp_path / "one/spool"), rate_multiplier=0.9)
    one, two = (json.loads((tmp_path / name / "spool/statistics.json").read_text()) for name in ("one", "two"))
    assert one["share_of_rate_limit"] < 0.5
    assert two["share_of_rate_limit"] == pytest.approx(one["share_of_rate_limit"] + 0.02)


def test_a_server_that_asks_to_be_left_alone_is(tmp_path: Path) -> None:
    with ImageServer() as server:
        busy = {"status": 429, "headers": {"Retry-After": "3600"}}
        urls = [server.add(f"/{row}.jpg", **({"body": IMAGE} if row < 10 else busy)) for row in range(100)]
        write_batch(tmp_path / "urls.parquet", urls)
        stopped = run(tmp_path, max_concurrency=2)
        assert stopped.returncode == 2
        assert "Stopped by the server, which asks to be left alone for 3600 s" in stopped.stderr
        asked = len(server.requests())
        assert asked <= 12
        assert len(rows_in_segments(tmp_path)) >= 9
        again = run(tmp_path, max_concurrency=2)
        assert again.returncode == 2
        assert "Stopped by the server, which asks to be left alone for 3" in again.stderr
        assert len(server.requests()) == asked


def test_a_file_that_is_no_batch_is_refused(tmp_path: Path) -> None:
    (tmp_path / "urls.parquet").write_bytes(b"PAR0")
    refused = run(tmp_path)
    assert refused.returncode == 2
    assert "not a readable Parquet file" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_failed_images_alone_are_tried_again(tmp_path: Path) -> None:
    images, urls = tmp_path / "images", tmp_path / "urls"
    shard = "server_name=a.example/partition_id=0"
    options = ("--output", str(images / shard), "--spool", str(images / ".spool" / shard))
    again = ("download", "retry", "--images", str(images), "--urls", str(urls))
    with ImageServer() as server:
        addresses = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(300)]
        server.add("/7.jpg", Reply(status=500), Reply(IMAGE))
        server.add("/8.jpg", status=404)
        write_batch(urls / shard / "urls.parquet", addresses)
        assert run(urls / shard, *options, max_retries=0).returncode == 0
        for codes, asked_again in ((["--code", "418"], set()), (["--code", "500"], {"/7.jpg"}), ([], {"/8.jpg"})):
            spool = Spool(images / ".spool" / shard, read_metadata(images / shard / "errors.parquet"))
            left_by_a_killed_retry = {"row": 8, "retry_count": 1, "error_code": 404, "error_msg": "still refused"}
            spool.write_segment([left_by_a_killed_retry])
            assert subprocess.run([sys.executable, "-m", "treeline", *again, *codes]).returncode == 0
            assert (images / shard / "errors.parquet").exists() == (not asked_again)
            asked = len(server.requests())
            assert run(urls / shard, *options, max_retries=0).returncode == 0
            assert {request.path for request in server.requests()[asked:]} == asked_again
    successes = pq.read_table(images / shard / "successes.parquet")
    assert successes["identifier"].to_pylist() == [url for url in addresses if not url.endswith("/8.jpg")]
    assert pq.read_table(images / shard / "errors.parquet")["error_code"].to_pylist() == [404]


def test_a_raised_limit_costs_a_request_for_what_it_had_refused(tmp_path: Path) -> None:
    images, urls = tmp_path / "images", tmp_path / "urls"
    shard = "server_name=a.example/partition_id=0"
    options = ("--output", str(images / shard), "--spool", str(images / ".spool" / shard))
    large = encoded(photo(2000, 1500), "PNG")
    with ImageServer() as server:
        addresses = [server.add("/small.jpg", body=IMAGE), server.add("/large.png", body=large)]
        write_batch(urls / shard / "urls.parquet", addresses)
        run(urls / shard, *options, max_image_bytes=len(IMAGE))
        assert pq.read_table(images / shard / "errors.parquet")["error_code"].to_pylist() == [-2]
        again = ["download", "retry", "--images", str(images), "--urls", str(urls), "--code", "-2"]
        subprocess.run([sys.executable, "-m", "treeline", *again], check=True)
        asked = len(server.requests())
        run(urls / shard, *options, max_image_bytes=len(large))
        assert [request.path for request in server.requests()[asked:]] == ["/large.png"]
    assert pq.read_metadata(images / shard / "successes.parquet").num_rows == 2


def test_what_is_kept_of_earlier_settings_is_removed_on_request(tmp_path: Path) -> None:
    images = tmp_path / "images"
    collect = [sys.executable, "-m", "treeline", "download", "gc", "--images", str(images)]
    with ImageServer() as server:
        write_batch(tmp_path / "urls.parquet", [server.add("/a.jpg", body=IMAGE)])
        for partition, size in ((0, 64), (0, 32), (1, 64)):
            shard = f"server_name=a.example/partition_id={partition}"
            run(tmp_path, "--output", str(images / shard), "--spool", str(images / ".spool" / shard), image_size=size)
        (images / shard / "completed").unlink()
        done = subprocess.run(collect, capture_output=True, text=True, check=True)
        assert done.stdout == "1 shards of earlier settings are removed\n"
        asked = len(server.requests())
        for partition, size in ((0, 32), (1, 64)):
            shard = f"server_name=a.example/partition_id={partition}"
            run(tmp_path, "--output", str(images / shard), "--spool", str(images / ".spool" / shard), image_size=size)
        assert len(server.requests()) == asked
    assert pq.read_metadata(images / "server_name=a.example/partition_id=0/successes.parquet").num_rows == 1
