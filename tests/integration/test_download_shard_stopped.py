"""A shard's download that is killed, stopped, or finds no room: nothing that was fetched is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.batches import write_batch
from tests.servers import ImageServer
from tests.shard_downloads import IMAGE, command, outputs, rows_in_segments, run, wait_until_asked


def test_a_kill_at_any_moment_loses_no_finished_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the job again and again; rows that a segment held are not asked for again, and the bytes are the same."""
    generator = random.Random(614)
    rows = 1500
    with ImageServer() as server:
        urls = [server.add(f"/{number}.jpg", body=IMAGE, delay_seconds=0.002) for number in range(rows)]
        for name in ("whole", "killed"):
            write_batch(tmp_path / name / "urls.parquet", urls)
        assert run(tmp_path / "whole").returncode == 0
        kept: set[int] = set()
        for _ in range(4):
            asked = len(server.requests())
            job = subprocess.Popen(command(tmp_path / "killed"), stderr=subprocess.DEVNULL)
            while rows_in_segments(tmp_path / "killed") <= kept:
                time.sleep(0.005)
            wait_until_asked(server, len(server.requests()) + generator.randrange(200), job)
            job.kill()
            job.wait()
            again = {request.path for request in server.requests()[asked:]}
            assert not again & {f"/{row}.jpg" for row in kept}
            kept = rows_in_segments(tmp_path / "killed")
        assert kept
        asked = len(server.requests())
        assert run(tmp_path / "killed").returncode == 0
        last = Counter(request.path for request in server.requests()[asked:])
    assert set(last) == {f"/{row}.jpg" for row in range(rows) if row not in kept}
    assert set(last.values()) <= {1}
    assert outputs(tmp_path / "killed") == outputs(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_all_that_was_fetched(tmp_path: Path, number: signal.Signals) -> None:
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE, delay_seconds=0.01) for row in range(200)]
        write_batch(tmp_path / "urls.parquet", urls)
        job = subprocess.Popen(command(tmp_path, max_concurrency=2), stderr=subprocess.PIPE, text=True)
        wait_until_asked(server, 20, job)
        job.send_signal(number)
        _, messages = job.communicate()
        assert job.returncode == 2
        assert f"Stopped by {number.name}" in messages
        assert "Traceback" not in messages
        kept = rows_in_segments(tmp_path)
        assert len(kept) >= 18
        asked = len(server.requests())
        assert run(tmp_path).returncode == 0
        assert len(server.requests()) - asked == 200 - len(kept)


def test_the_end_of_a_cluster_job_stops_it_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 70))
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE, delay_seconds=0.1) for row in range(500)]
        write_batch(tmp_path / "urls.parquet", urls)
        stopped = run(tmp_path, max_concurrency=1)
    assert stopped.returncode == 2
    assert "Stopped by the end of the job's time" in stopped.stderr
    assert rows_in_segments(tmp_path)


def test_a_second_job_on_the_shard_says_who_holds_it(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE, delay_seconds=0.05) for row in range(100)]
        write_batch(tmp_path / "urls.parquet", urls)
        job = subprocess.Popen(command(tmp_path, max_concurrency=1), stderr=subprocess.DEVNULL)
        wait_until_asked(server, 3, job)
        second = run(tmp_path)
        assert second.returncode == 2
        assert f"process {job.pid} on {os.uname().nodename} is downloading this shard" in second.stderr
        job.kill()
        job.wait()
        assert run(tmp_path).returncode == 0


def test_a_full_disk_is_said_and_the_shard_is_completed_later(tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the system refuses to write on, with an error of its own."""
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(300)]
        write_batch(tmp_path / "urls.parquet", urls)
        limited = subprocess.run(
            ["bash", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$@"', "limited", *command(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert limited.returncode == 2
        assert "File too large" in limited.stderr
        assert not (tmp_path / "shard/completed").exists()
        assert run(tmp_path).returncode == 0
    assert pq.read_metadata(tmp_path / "shard/successes.parquet").num_rows == 300


NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
IN_A_FULL_FILE_SYSTEM = """
set -e
spool=$1; shift
mount -t tmpfs -o size=3m none "$spool"
"$@" || echo "first run: $?"
mount -o remount,size=100m "$spool"
exec "$@"
"""


@pytest.mark.skipif(
    subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0, reason="no user namespaces here"
)
def test_a_file_system_without_room_loses_nothing_and_is_gone_on_with_when_there_is_room(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(1000)]
        write_batch(tmp_path / "urls.parquet", urls)
        job = command(tmp_path, image_format="original", image_size=None)
        done = subprocess.run(
            [*NAMESPACE, "bash", "-c", IN_A_FULL_FILE_SYSTEM, "bash", str(spool), *job], capture_output=True, text=True
        )
        assert done.stdout == "first run: 2\n", done.stderr
        assert "No space left on device. Nothing is half-written: make room, and run the same again." in done.stderr
        assert done.returncode == 0, done.stderr
        asked = Counter(request.path for request in server.requests())
        assert len(asked) == 1000
        assert sum(times == 1 for times in asked.values()) >= 256  # what a segment held was not fetched again
    assert pq.read_metadata(tmp_path / "shard/successes.parquet").num_rows == 1000
