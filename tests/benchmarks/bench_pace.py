"""How well a server's rate limit is used, and kept, by one job and by several at once on the same server.

The limit counts for all jobs together. What is measured is wall time, against that of the same jobs with one row
each, and the requests in the busiest second by the server's own log.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.bench_download import Bench
from tests.benchmarks.corpus import SIZE_CLASSES, make_urls
from tests.benchmarks.downloaders import Treeline
from tests.benchmarks.measure import Check, Cost, Row, measure_commands
from tests.benchmarks.server import read_arrivals, serve

RATES_AND_LANES = ((10, 1), (50, 1), (200, 1), (50, 2), (50, 4))
SECONDS_AT_THE_LIMIT = 20
MOST_OF_THE_LEAST_TIME = 1.05


class Visit(NamedTuple):
    """What jobs on one server cost together, how long they took, and when their requests arrived, in seconds."""

    cost: Cost
    seconds: float
    arrivals: list[float]


def measure(bench: Bench) -> tuple[list[Row], list[Check]]:
    """Download small images at several limits, as they are served, as many as take 20 s at the limit."""
    rows, checks = [], []
    for rate, lanes in RATES_AND_LANES:
        count = rate * SECONDS_AT_THE_LIMIT
        start_up = min(_visit(bench, lanes, rate, lanes).seconds for _ in range(2))
        visit = _visit(bench, count, rate, lanes)
        label = f"treeline, {rate} images/s, {lanes} lane{'s' * (lanes > 1)}"
        busiest = requests_in_busiest_second(visit.arrivals)
        remark = f"{visit.seconds:.1f} s, start-up {start_up:.1f} s; busiest second {busiest} requests"
        rows.append(Row(label, count, visit.cost, remark))
        most = MOST_OF_THE_LEAST_TIME * count / rate + start_up
        aim = f"{label}: at most {MOST_OF_THE_LEAST_TIME:g} x {count / rate:g} s + start-up"
        checks.append(Check(aim, f"{visit.seconds:.1f} s of {most:.1f} s", visit.seconds <= most))
        aim = f"{label}: never more than {rate} requests in any second"
        checks.append(Check(aim, f"{busiest} requests", busiest <= rate))
    return rows, checks


def requests_in_busiest_second(arrivals: Sequence[float]) -> int:
    """The most requests within any one second, wherever it begins.

    Args:
        arrivals: Seconds, ascending.
    """
    return max(bisect_left(arrivals, start + 1) - place for place, start in enumerate(arrivals))


def _visit(bench: Bench, count: int, rate: int, lanes: int) -> Visit:
    """Have so many jobs at once download their shares of `count` images from a server of their own."""
    shutil.rmtree(bench.folder, ignore_errors=True)
    bench.folder.mkdir(parents=True)
    log = bench.folder / "arrivals.log"
    with serve(bench.corpus, log=log) as server:
        urls = make_urls(server, count, SIZE_CLASSES[:1])
        commands = [_lane(bench.folder / f"lane-{lane}", urls[lane::lanes], rate, lane, lanes) for lane in range(lanes)]
        started = perf_counter()
        cost = measure_commands(commands, bench.folder / "treeline.log")
        seconds = perf_counter() - started
    return Visit(cost, seconds, read_arrivals(log))


def _lane(folder: Path, urls: Sequence[str], rate: int, lane: int, lanes: int) -> list[str]:
    folder.mkdir()
    treeline = Treeline({"default_rate_limit": rate}, ["--lane", str(lane), "--lanes", str(lanes)])
    return treeline.prepare(folder, urls, resize=False)
