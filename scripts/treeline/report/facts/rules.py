"""What each rule's jobs took, and what they were asked for."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from time import time
from typing import NamedTuple

from treeline.cluster import finished_jobs
from treeline.costs import read_costs
from treeline.errors import InputError
from treeline.report.facts.collection import OWN_LOGS, UNKNOWN, Collection, Rows

BENCHMARK, LOG = "benchmark", "log"
"""Sources; where both tell of a rule, the one that saw more memory counts: a benchmark adds up all processes of a job,
but sees little of a short one."""

DAY = 86_400


class Asked(NamedTuple):
    """What a job may have; None where that is not known."""

    memory_mib: float | None
    minutes: float | None
    threads: float | None


class Noted(NamedTuple):
    """What `treeline.report.asked` has noted of a rule."""

    rule: str
    log: re.Pattern[str]
    benchmark: re.Pattern[str] | None
    asked: Asked


class Job(NamedTuple):
    """What a job took, and what it was asked for; CPU time and memory are NaN where they are not known."""

    seconds: float
    cpu_seconds: float
    memory_mib: float
    asked: Asked


def measure_rules(collection: Collection) -> Rows:
    """Make the table `rules`.

    Raises:
        InputError: `logs/rules.json` or a benchmark cannot be read.
    """
    logs = collection.paths.logs
    jobs = defaultdict[tuple[str, str], list[Job]](list)
    for rule, source, job in _measured_here(logs, _read_noted(logs / "rules.json")):
        jobs[rule, source].append(job)
    for rule in {rule for rule, source in jobs if source == LOG and (rule, BENCHMARK) in jobs}:
        del jobs[rule, min((BENCHMARK, LOG), key=lambda source: _peak(jobs[rule, source]))]
    for done in finished_jobs(Path.cwd(), _begun(collection) - DAY):
        asked = Asked(done.asked_memory_mib, done.asked_minutes, done.cpus)
        jobs[done.name, "slurm"].append(Job(done.seconds, done.cpu_seconds, done.memory_mib, asked))
    return [_row(rule, source, of_rule) for (rule, source), of_rule in sorted(jobs.items())]


def _begun(collection: Collection) -> float:
    """When the oldest batch was written: before any other job. Batches keep their time."""
    batches = [collection.paths.batch(*outcome.shard.id) for outcome in collection.outcomes]
    return min((batch.stat().st_mtime for batch in batches if batch.exists()), default=time())


def _read_noted(file: Path) -> list[Noted]:
    """Rules as they were noted at the last start of Snakemake; none before there was one."""
    if not file.exists():
        return []
    try:
        return [
            Noted(
                one["rule"],
                re.compile(one["log"]),
                re.compile(one["benchmark"]) if one["benchmark"] else None,
                Asked(one["memory_mib"], one["minutes"], one["threads"]),
            )
            for one in json.loads(file.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        problem = f"is no list of rules: {error!r}."
        raise InputError(file, problem, fix="Delete it: the next start of Snakemake writes it.") from None


def _measured_here(logs: Path, noted: list[Noted]) -> Iterator[tuple[str, str, Job]]:
    """Jobs that benchmarks and logs tell of: rule, source, and what it took."""
    for file in sorted(logs.rglob("*")):
        name = str(file.relative_to(logs))
        if name.startswith(OWN_LOGS):
            continue
        if file.suffix == ".jsonl":
            for rule in noted:
                if rule.benchmark is not None and rule.benchmark.match(name):
                    yield rule.rule, BENCHMARK, _read_benchmark(file, rule.asked)
        elif file.suffix == ".log":
            for rule in noted:
                if rule.log.match(name) and (costs := read_costs(file)) is not None:
                    yield rule.rule, LOG, Job(*costs, rule.asked)


def _read_benchmark(file: Path, asked: Asked) -> Job:
    """The last line of a benchmark; of a job of less than half a second it has the time alone."""
    try:
        line = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
        cpu_seconds, memory = (
            math.nan if line[name] == "NA" else float(line[name]) for name in ("cpu_time", "max_rss")
        )
        return Job(float(line["s"]), cpu_seconds, memory, asked)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(file, f"is no benchmark of Snakemake: {error!r}.", fix="Delete it.") from None


def _row(rule: str, source: str, jobs: list[Job]) -> dict[str, object]:
    seconds = [job.seconds for job in jobs]
    known = [job for job in jobs if not math.isnan(job.cpu_seconds)]
    cpu_seconds = sum(job.cpu_seconds for job in known) if known else math.nan
    wall = sum(job.seconds for job in known)
    asked = Asked(*(_most(values) for values in zip(*(job.asked for job in jobs), strict=True)))
    memory = _peak(jobs) or math.nan
    return {
        "rule": rule,
        "source": source,
        "jobs": len(jobs),
        "seconds": sum(seconds),
        "seconds_median": median(seconds),
        "seconds_max": max(seconds),
        "cpu_seconds": cpu_seconds,
        "memory_mib": memory,
        **{f"asked_{name}": UNKNOWN if value is None else round(value) for name, value in asked._asdict().items()},
        "memory_share": _share(memory, asked.memory_mib),
        "time_share": _share(max(seconds) / 60, asked.minutes),
        "threads_share": _share(cpu_seconds / wall if wall else math.nan, asked.threads),
    }


def _peak(jobs: Iterable[Job]) -> float:
    """The most memory that a job took, in MiB; 0 where it is not known of any."""
    return max((job.memory_mib for job in jobs if not math.isnan(job.memory_mib)), default=0.0)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _share(used: float, asked: float | None) -> float:
    return used / asked if asked else math.nan
