"""What Snakemake costs with the real Snakefile at the size of TreeOfLife: 545 servers, 20,000 shards.

    python -m tests.benchmarks.bench_dag [--servers 545] [--shards 20000]

Prints the table, and writes it into docs/benchmarks.md. Exits with 1 when an aim is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.collection import ROOT, Collection, make_collection
from tests.benchmarks.measure import Check, measure_commands
from tests.benchmarks.page import verdicts, write_section


class Aim(NamedTuple):
    """Most seconds, and GB of memory; None where no aim is set."""

    seconds: float | None = None
    gigabytes: float | None = None


NO_AIM = Aim()


class Result(NamedTuple):
    """One run of Snakemake."""

    name: str
    jobs: int
    seconds: float
    cpu_seconds: float
    peak_gb: float
    stats: int
    aim: Aim


def main() -> int:
    """Measure everything; gives the exit code."""
    arguments = _parse_arguments()
    folder = Path(tempfile.mkdtemp(prefix="treeline-dag-"))
    try:
        collection = make_collection(folder / "collection", arguments.servers, arguments.shards)
        results = [plan("plan, nothing downloaded yet", collection)]
        collection.download()
        results += [
            plan("plan, everything there", collection, aim=Aim(100, 1.3)),
            plan("plan of `download`, everything there", collection, "download", aim=Aim(50)),
            plan("plan of `decode`, everything there", collection, "decode", aim=Aim(50)),
            plan("plan of `decode --batch decode=1/10`", collection, "decode", "--batch", "decode=1/10", aim=Aim(15)),
        ]
        collection.remove(0.05)
        results.append(plan("plan, one shard in twenty missing", collection))
        results.append(_until_first_job("resume, until the first job starts", collection, Aim(100)))
    finally:
        shutil.rmtree(folder)
    command = f"python -m tests.benchmarks.bench_dag --servers {arguments.servers} --shards {arguments.shards}"
    write_section("dag", [f"`{command}`", "", *_table(results), "", *verdicts(_checks(results))])
    return 0 if all(check.is_met for check in _checks(results)) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="python -m tests.benchmarks.bench_dag")
    parser.add_argument("--servers", type=int, default=545)
    parser.add_argument("--shards", type=int, default=20_000)
    return parser.parse_args()


def _command(collection: Collection, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(collection.folder), "--configfile", str(collection.folder / "config.yaml")),
        *("--profile", str(ROOT / "profiles/local"), *options),
    ]


def plan(name: str, collection: Collection, *options: str, aim: Aim = NO_AIM) -> Result:
    """Have Snakemake plan, and print the number of jobs only.

    Args:
        name: Of the run.
        collection: What is planned.
        options: More of Snakemake's, and targets.
        aim: Only with one is it counted how often a file's state is asked for, which takes several times as long.
    """
    log = collection.folder / "log"
    command = _command(collection, "--quiet", "rules", "--dry-run", *options)
    started = perf_counter()
    cost = measure_commands([command], log)
    seconds = perf_counter() - started
    jobs = re.findall(r"^total\s+(\d+)", log.read_text(), re.MULTILINE)
    stats = _stats(command) if aim.gigabytes else 0
    peak_gb = cost.peak_mib * 2**20 / 1e9
    return Result(name, int(jobs[0]) if jobs else 0, seconds, cost.cpu_seconds, peak_gb, stats, aim)


def _until_first_job(name: str, collection: Collection, aim: Aim) -> Result:
    """Start a real run, and end it as soon as it says that it starts a job."""
    started = perf_counter()
    command = _command(collection, "--cores", "1")
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if re.match(r"(local)?(rule|checkpoint) ", line):
                break
        seconds = perf_counter() - started
        os.killpg(run.pid, 9)
    return Result(name, 0, seconds, 0.0, 0.0, 0, aim)


def _stats(command: Sequence[str]) -> int:
    """Number of times that a file's state was asked for, by strace; 0 where there is none."""
    if shutil.which("strace") is None:
        return 0
    with tempfile.NamedTemporaryFile("r", prefix="treeline-strace-") as summary:
        trace = ("strace", "--follow-forks", "--summary-only", "--trace=%%stat", "--output", summary.name)
        subprocess.run([*trace, *command], check=True, capture_output=True)
        total = re.search(r"^\s*100\.00\s+\S+\s+\S*\s+(\d+)", summary.read(), re.MULTILINE)
    return int(total[1]) if total else 0


def _table(results: Sequence[Result]) -> list[str]:
    header = ["| run | jobs | s | CPU s | peak GB | stat calls |", "|---|--:|--:|--:|--:|--:|"]
    return header + [
        f"| {run.name} | {run.jobs:,} | {run.seconds:.0f} | {run.cpu_seconds:.0f} | {run.peak_gb:.2f} "
        f"| {format(run.stats, ',') if run.stats else ''} |"
        if run.cpu_seconds
        else f"| {run.name} | | {run.seconds:.0f} | | | |"
        for run in results
    ]


def _checks(results: Sequence[Result]) -> list[Check]:
    checks = []
    for run in results:
        if run.aim.seconds is not None:
            aim = f"{run.name}: at most {run.aim.seconds:g} s"
            checks.append(Check(aim, f"{run.seconds:.0f} s", run.seconds <= run.aim.seconds))
        if run.aim.gigabytes is not None:
            aim = f"{run.name}: at most {run.aim.gigabytes:g} GB"
            checks.append(Check(aim, f"{run.peak_gb:.2f} GB", run.peak_gb <= run.aim.gigabytes))
    return checks


if __name__ == "__main__":
    sys.exit(main())
