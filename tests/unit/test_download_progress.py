"""Progress: what is said of a download's speed is what happened, and it is said where it is read."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.download.progress import (
    LEAST_WINDOW_SECONDS,
    WINDOW_SECONDS,
    Meter,
    Progress,
    describe,
    summarize,
)

WATCHED_DOWNLOAD = """
import itertools, logging, sys
from pathlib import Path
from treeline.download.progress import Progress
from treeline.logs import configure_logging

configure_logging(Path(sys.argv[1]))
with Progress("a.example, partition 0", 100, 0, clock=itertools.count(0, 10).__next__) as one, \\
        Progress("b.example, partition 7", 50, 0, clock=itertools.count(0, 10).__next__) as other:
    for second in range(4):
        one.finished("success", 1000)
        one.update(25)
        other.finished("404", 0)
        other.update(2)
    logging.getLogger("treeline.test").warning("something else")
"""


def fed(meter: Meter, *, seconds: range, images: int, received: int = 0, errors: int = 0) -> Meter:
    """In each second, so many images and errors, of so many bytes together."""
    for second in seconds:
        for row in range(images):
            meter.count("success", received if row == 0 else 0)
        for _ in range(errors):
            meter.count("404", 0)
        meter.sample(second + 1.0)
    return meter


def test_a_line_says_all_of_it() -> None:
    meter = fed(Meter(10_000, 40, 0.0), seconds=range(100), images=24, received=3_100_000)
    for _ in range(12):
        meter.count("404", 0)
    for _ in range(3):
        meter.count("-1", 0)
    meter.count("success", 0)
    assert describe(meter, 25.0) == (
        "2,456 of 10,000 rows, 24 images/s, 3.1 MB/s, 5 min left, at most 25 requests/s, errors: 404 x 12, -1 x 3"
    )


def test_nothing_is_claimed_at_first() -> None:
    meter = Meter(1000, 500, 7.0)
    expected = "500 of 1,000 rows, time left unknown, at most 0.5 requests/s"
    assert describe(meter, 0.5) == expected
    meter.sample(7.0 + LEAST_WINDOW_SECONDS - 0.1)
    assert describe(meter, 0.5) == expected


def test_a_server_that_stalls_has_no_time_left_that_could_be_told() -> None:
    meter = fed(Meter(1000, 0, 0.0), seconds=range(10), images=10)
    assert meter.seconds_left() == pytest.approx(90)
    fed(meter, seconds=range(10, 10 + int(WINDOW_SECONDS)), images=0)
    assert describe(meter, 25) == "100 of 1,000 rows, 0 images/s, 0 MB/s, time left unknown, at most 25 requests/s"


def test_errors_take_time_but_are_no_images() -> None:
    meter = fed(Meter(1000, 0, 0.0), seconds=range(10), images=1, errors=9)
    rates = meter.rates()
    assert rates is not None
    assert (rates.rows, rates.images) == (10, 1)
    assert meter.seconds_left() == pytest.approx(90)


def test_only_the_last_minute_counts() -> None:
    meter = fed(Meter(100_000, 0, 0.0), seconds=range(200), images=50)
    fed(meter, seconds=range(200, 200 + int(WINDOW_SECONDS)), images=2)
    rates, mean = meter.rates(), meter.mean_rates()
    assert rates is not None
    assert mean is not None
    assert rates.images == 2
    assert mean.images == pytest.approx((200 * 50 + WINDOW_SECONDS * 2) / (200 + WINDOW_SECONDS))


@given(
    st.lists(st.tuples(st.floats(0.5, 40), st.lists(st.integers(0, 10**6), max_size=5)), min_size=1, max_size=100),
    st.integers(0, 10**6),
)
def test_rates_are_what_happened_since_a_minute_ago(steps: list[tuple[float, list[int]]], done_before: int) -> None:
    meter = Meter(10**7, done_before, 0.0)
    history = [(0.0, 0, 0)]
    for seconds, bodies in steps:
        for body in bodies:
            meter.count("success", body)
        now, rows, received = history[-1]
        history.append((now + seconds, rows + len(bodies), received + sum(bodies)))
        meter.sample(now + seconds)
    now, rows, received = history[-1]
    old = [sample for sample in history[:-1] if sample[0] <= now - WINDOW_SECONDS]
    then, rows_then, received_then = old[-1] if old else history[0]
    rates = meter.rates()
    if now - then < LEAST_WINDOW_SECONDS:
        assert rates is None
    else:
        assert rates is not None
        assert rates.rows == pytest.approx((rows - rows_then) / (now - then))
        assert rates.received == pytest.approx((received - received_then) / (now - then))
    assert meter.done == done_before + rows


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(40, "in 40 s"), (300, "in 5 min"), (7200, "in 2.0 h"), (72 * 3600, "in 3.0 days")],
)
def test_a_summary_speaks_of_the_whole_job(seconds: int, expected: str) -> None:
    meter = Meter(10, 0, 0.0)
    for _ in range(10):
        meter.count("success", seconds * 100_000)
    meter.sample(seconds)
    assert summarize(meter).startswith(f"10 of 10 rows {expected}, ")
    assert summarize(meter).endswith("1 MB/s")


def test_a_line_is_logged_every_half_minute_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 1000.0
    with Progress("fast.example, partition 3", 200, 0, clock=lambda: now) as progress:
        for _ in range(100):
            now += 1.0
            progress.finished("success", 500_000)
            progress.update(2.0)
    speeds = "1 images/s, 0.5 MB/s"
    assert [record.message.removeprefix("fast.example, partition 3: ") for record in caplog.records] == [
        f"30 of 200 rows, {speeds}, 3 min left, at most 2 requests/s",
        f"60 of 200 rows, {speeds}, 2 min left, at most 2 requests/s",
        f"90 of 200 rows, {speeds}, 2 min left, at most 2 requests/s",
        f"100 of 200 rows in 2 min, {speeds}",
    ]


def test_an_interrupted_download_has_its_last_line_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(KeyboardInterrupt), Progress("a.example", 9, 1, clock=lambda: 5.0) as progress:
        progress.finished("-1", 0)
        raise KeyboardInterrupt
    assert [record.message for record in caplog.records] == ["a.example: 2 of 9 rows in 0 s, errors: -1 x 1"]


def run_on_a_terminal(log: Path, *, as_typed: bool) -> str:
    """Run the download above on a terminal of its own, and give what that showed."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHED_DOWNLOAD, str(log)],
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        start_new_session=as_typed,
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the terminal's end, on Linux
        while piece := os.read(controller, 65536):
            shown += piece
    os.close(controller)
    assert process.wait() == 0
    return shown.decode()


def test_a_terminal_shows_it_live_and_the_log_file_has_the_lines(tmp_path: Path) -> None:
    shown = run_on_a_terminal(tmp_path / "log", as_typed=True)
    written = (tmp_path / "log").read_text()
    assert "4 of 100 rows, 0.1 images/s, 0.0001 MB/s, 16 min left, at most 25 requests/s" in shown
    assert "4 of 50 rows, 0 images/s, 0 MB/s, 8 min left, at most 2 requests/s, errors: 404 x 4" in shown
    assert "8 min left" in shown.partition("something else")[2], "a log line stands above the display, not in it"
    assert "a.example, partition 0: 3 of 100 rows" not in shown
    assert "a.example, partition 0: 3 of 100 rows" in written
    for everywhere in (
        "something else",
        "a.example, partition 0: 4 of 100 rows in 50 s",
        "b.example, partition 7: 4 of",
    ):
        assert shown.count(everywhere) == written.count(everywhere) == 1


def test_a_job_that_shares_its_terminal_writes_lines(tmp_path: Path) -> None:
    shown = run_on_a_terminal(tmp_path / "log", as_typed=False)
    assert "a.example, partition 0: 3 of 100 rows" in shown
    assert "\x1b" not in shown
    assert shown.replace("\r\n", "\n") == (tmp_path / "log").read_text()
