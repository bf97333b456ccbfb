"""What Snakemake costs: a plan, the start of a job, and handing jobs to Slurm, by the number of shards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.benchmarks.bench_dag import plan
from tests.benchmarks.collection import ROOT, Collection, make_collection
from tests.benchmarks.measure import CommandError, measure_commands
from tests.benchmarks.scale.costs import Row
from tests.benchmarks.scale.servers import servers_of_shards
from treeline.download.schedule import read_schedule
from treeline.io.manifest import ShardId

GIGABYTE = 1e9
LOOK_SECONDS = 0.05
AT_FIRST, HANDED_OVER = 100, 300
"""Jobs that the profile lets run at once, and so are handed over first; and those after them, in several rounds."""

# They say that a job is done as soon as it is submitted; what it was to make is there.
SBATCH = """#!/bin/sh
number=$(date +%s%N)
for argument; do
    case $argument in --wrap=*) echo "$argument" ;; esac
done | grep -oE 'server_name=[^, ]+,partition_id=[0-9]+' | while IFS=, read -r server partition; do
    : > "$DECODED/$server/$partition.tar"
done
echo "$number|COMPLETED" >> "$JOBS"
echo "$number"
"""
SQUEUE = """#!/bin/sh
cat "$JOBS"
"""
SCONTROL = """#!/bin/sh
echo "MinJobAge = 300 sec"
"""


def measure_plans(folder: Path, shards: int) -> list[Row]:
    """Plan a collection of which nothing is downloaded, then one of which everything is there."""
    collection = make_collection(folder / "collection", servers_of_shards(shards), shards)
    rows = [_plan_row("nothing downloaded", collection)]
    collection.download()
    return [*rows, _plan_row("everything there", collection)]


def _plan_row(state: str, collection: Collection) -> Row:
    result = plan(state, collection)
    return {
        "state": state,
        "jobs": result.jobs,
        "cpu_seconds": round(result.cpu_seconds, 1),
        "peak_gb": round(result.peak_gb, 3),
    }


def measure_job_start(folder: Path, shards: int) -> list[Row]:
    """Read the workflow as the process of one cluster job does: of the first and of the last shard of a lane."""
    collection = make_collection(folder / "collection", servers_of_shards(shards), shards)
    collection.download()
    lane = max(read_schedule(collection.paths.schedule / "0000.csv").lanes, key=len)
    return [_job_row(collection, place, lane[place]) for place in sorted({0, len(lane) - 1})]


def job_command(collection: Collection, shard: ShardId) -> list[str]:
    """What the process of a shard's cluster job does before it starts the command: read the workflow, for this job."""
    target = f"download_shard:server_name={shard.server},partition_id={shard.partition}"
    options = ("--target-jobs", target, "--allowed-rules", "download_shard", "--mode", "subprocess", "--nolock")
    return _snakemake(collection, "profiles/local", "--quiet", "all", "--dry-run", *options)


def _job_row(collection: Collection, place: int, shard: ShardId) -> Row:
    cost = measure_commands([job_command(collection, shard)], collection.folder / "log")
    return {
        "place_in_lane": place,
        "cpu_seconds": round(cost.cpu_seconds, 2),
        "peak_gb": round(cost.peak_mib * 2**20 / GIGABYTE, 3),
    }


def _snakemake(collection: Collection, profile: str, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(collection.folder), "--configfile", str(collection.folder / "config.yaml")),
        *("--profile", str(ROOT / profile), *options),
    ]


def measure_hand_over(folder: Path, shards: int) -> list[Row]:
    """Hand decode jobs to a Slurm that is done at once: CPU time of Snakemake itself for each, all being ready."""
    collection = make_collection(folder / "collection", servers_of_shards(shards), shards)
    collection.download()
    for archive in collection.paths.decoded.glob("*/*.tar"):
        archive.unlink()
    with _slurm_without_nodes(folder, collection) as environment:
        options = ("--slurm-no-account", "--default-resources", "slurm_partition=batch", "--latency-wait", "5")
        command = _snakemake(collection, "profiles/slurm", "decode", *options)
        spent = _cpu_seconds_of_jobs(command, folder / "jobs", environment)
    return [{"jobs": HANDED_OVER, "cpu_seconds_a_job": round(spent / HANDED_OVER, 4)}]


@contextmanager
def _slurm_without_nodes(folder: Path, collection: Collection) -> Iterator[dict[str, str]]:
    """Variables with which Snakemake finds programs of Slurm's names that make empty archives."""
    programs = folder / "programs"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scontrol", SCONTROL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (folder / "jobs").touch()
    yield {
        **os.environ,
        "PATH": os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"])),
        "DECODED": str(collection.paths.decoded),
        "JOBS": str(folder / "jobs"),
    }


def _cpu_seconds_of_jobs(command: Sequence[str], jobs: Path, environment: dict[str, str]) -> float:
    """CPU time of the process itself, without what it starts, while it hands over all jobs but the first."""
    begin = 0.0
    log = jobs.with_name("snakemake.log")
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True) as run,
    ):
        process = psutil.Process(run.pid)
        try:
            while (done := jobs.read_bytes().count(b"\n")) < AT_FIRST + HANDED_OVER:
                spent = _cpu_seconds(process)
                begin = spent if done < AT_FIRST else begin
                if run.poll() is not None:
                    raise CommandError(f"Snakemake ended after {done} jobs: {log.read_text()[-2000:]}")
                time.sleep(LOOK_SECONDS)
            return _cpu_seconds(process) - begin
        finally:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
