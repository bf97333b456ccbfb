"""The jobs that Snakemake has on a Slurm cluster, as squeue and sacct tell of them.

Both print what is asked for in columns that every version of Slurm knows. The jobs of one clone are those whose working
directory it is.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

ANSWER_SECONDS = 20.0
"""A controller that is down is waited for no longer."""

FAILED_STATES = ("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT")
SQUEUE = ("squeue", "--me", "--noheader", "--format=%i|%T|%N|%M|%l|%r|%Z|%k")
SINCE = "now-1days"
MEBIBYTES = {"": 2**-20, "K": 2**-10, "M": 1, "G": 2**10, "T": 2**20}
"""Of a unit in Slurm's accounts."""
LOGS = Path(".snakemake") / "slurm_logs"
LOG_LINES = 5
LOG_BYTES = 8192

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A job of Snakemake's on the cluster.

    Args:
        number: Slurm's.
        state: `PENDING`, `RUNNING`, `TIMEOUT`, ...
        name: The rule, or the group of shards, that it works on.
        node: Where it runs or ran; empty before it does.
        elapsed: Time that it has run, as `[days-]hours:minutes:seconds`.
        limit: Time that it may run, likewise.
        reason: Why it waits or why it ended; empty where there is nothing to say.
        log: Its output, if there is any yet.
    """

    number: str
    state: str
    name: str
    node: str
    elapsed: str
    limit: str
    reason: str
    log: Path | None


class FinishedJob(NamedTuple):
    """What a job of Snakemake's took on the cluster, and what it was asked for.

    Args:
        name: The rule, or the group of shards without its numbers, that it worked on.
        seconds: Time that it ran.
        cpu_seconds: Of all its processes.
        memory_mib: Largest resident memory of a task.
        asked_memory_mib: Of a node; None where it is not known.
        asked_minutes: Time limit; None where there is none.
        cpus: That it had.
    """

    name: str
    seconds: float
    cpu_seconds: float
    memory_mib: float
    asked_memory_mib: float | None
    asked_minutes: int | None
    cpus: int


class ClusterJobs(NamedTuple):
    """The jobs of one clone.

    Args:
        present: Those that wait or run.
        failed: Those of which Slurm knows that they did not end well: with accounting those of a day, else those that
            the controller has not yet forgotten (`MinJobAge`). What became of their work later is not said here.
    """

    present: list[Job]
    failed: list[Job]


def cluster_jobs(clone: Path) -> ClusterJobs | None:
    """List the jobs that were submitted from a folder; None where there is no Slurm, or it does not answer.

    Args:
        clone: Working directory of Snakemake.
    """
    if shutil.which("squeue") is None:
        return None
    present = _ask(*SQUEUE)
    if present is None:
        return None
    failed = _ask_accounting()
    if failed is None:
        failed = _ask(*SQUEUE, f"--states={','.join(FAILED_STATES)}")
    return ClusterJobs(list(_jobs(present, clone)), list(_jobs(failed or (), clone)))


def finished_jobs(clone: Path, since: float) -> list[FinishedJob]:
    """What the jobs took that were submitted from a folder and ended well; none where the cluster keeps no accounts.

    Args:
        clone: Working directory of Snakemake.
        since: When the first may have started, in seconds since 1970.
    """
    if shutil.which("sacct") is None:
        return []
    start = datetime.fromtimestamp(since).strftime("%Y-%m-%dT%H:%M:%S")  # Slurm takes it for local time
    lines = _ask(
        *("sacct", "--noheader", "--parsable2", f"--starttime={start}", "--endtime=now", "--state=COMPLETED"),
        "--format=JobID,ElapsedRaw,TotalCPU,MaxRSS,ReqMem,TimelimitRaw,AllocCPUS,WorkDir,Comment",
    )
    steps: dict[str, list[list[str]]] = defaultdict(list)
    for line in lines or ():
        fields = line.split("|", 8)
        steps[fields[0].partition(".")[0]].append(fields)
    logs = {file.stem: file for file in (clone / LOGS).rglob("*.log")}
    return [_finished(job, parts, logs, clone) for (job, *parts) in steps.values() if Path(job[7]) == clone]


def _finished(job: list[str], steps: list[list[str]], logs: Mapping[str, Path], clone: Path) -> FinishedJob:
    number, elapsed, cpu, _, memory, limit, cpus, _, comment = job
    peaks = [mebibytes(step[3]) or 0.0 for step in steps]
    worked_on, _, _ = _name(comment, logs.get(number), clone).partition(" ")
    return FinishedJob(
        re.sub(r"-lane-\d+-\d+$", "", worked_on),
        float(elapsed),
        cpu_seconds(cpu),
        max(peaks, default=0.0),
        mebibytes(memory),
        int(limit) if limit.isdecimal() else None,
        int(cpus),
    )


def cpu_seconds(text: str) -> float:
    """Seconds of a time as Slurm's accounts print it: `[days-][hours:]minutes:seconds[.fraction]`."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return 86_400 * int(days or 0) + seconds


def mebibytes(text: str) -> float | None:
    """MiB of a size as Slurm's accounts print it, such as `1000M`, `4Gn` or `12345K`; None where there is none."""
    found = re.match(r"([0-9.]+)([KMGT]?)", text)
    return float(found[1]) * MEBIBYTES[found[2]] if found else None


def last_lines(log: Path, count: int = LOG_LINES) -> list[str]:
    """The last lines of a log that say something."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


def _ask_accounting() -> list[str] | None:
    """The failed jobs of the last day; None without accounting."""
    if shutil.which("sacct") is None:
        return None
    return _ask(
        *("sacct", "--allocations", "--noheader", "--parsable2", f"--starttime={SINCE}", "--endtime=now"),
        *(
            f"--state={','.join(FAILED_STATES)}",
            "--format=JobID,State,NodeList,Elapsed,Timelimit,Reason,WorkDir,Comment",
        ),
    )


def _ask(*command: str) -> list[str] | None:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("%s does not answer within %g s", command[0], ANSWER_SECONDS)
        return None
    if answer.returncode:
        log.info("%s: %s", command[0], answer.stderr.strip())
        return None
    return answer.stdout.splitlines()


def _jobs(lines: Iterable[str], clone: Path) -> Iterator[Job]:
    logs = {file.stem: file for file in (clone / LOGS).rglob("*.log")}
    for line in lines:
        number, state, node, elapsed, limit, reason, folder, comment = line.split("|", 7)
        if Path(folder) != clone:
            continue
        output = logs.get(number)
        name = _name(comment, output, clone)
        told = "" if reason in ("None", "") else reason
        yield Job(number, state.split()[0], name, "" if node == "None assigned" else node, elapsed, limit, told, output)


def _name(comment: str, output: Path | None, clone: Path) -> str:
    """The rule or group that a job works on: by its comment, which not every cluster's accounts hold, or by its log."""
    return _name_of_comment(comment) or _name_of_comment(output.relative_to(clone / LOGS).parts[0] if output else "")


def _name_of_comment(comment: str) -> str:
    """The rule or group in the comment that Snakemake's plugin gives a job.

    `rule_NAME_wildcards_VALUES` of a rule, `rule_GROUP_RULES` of a group, whose name ends in two numbers.
    """
    name = re.sub(r"^rule_|_wildcards_$", "", comment)
    name = re.sub(r"(-lane-\d+-\d+)_\w+$", r"\1", name)
    return "" if name in ("", "(null)") else name.replace("_wildcards_", " ")
