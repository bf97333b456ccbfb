"""The jobs that Snakemake has on a Slurm cluster, as squeue and sacct tell of them.

Both print what is asked for in columns that every version of Slurm knows. The jobs of one clone are those whose working
directory it is.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ANSWER_SECONDS = 20.0
"""A controller that is down is waited for no longer."""

FAILED_STATES = ("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT")
SQUEUE = ("squeue", "--me", "--noheader", "--format=%i|%T|%N|%M|%l|%r|%Z|%k")
SINCE = "now-1days"
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
        # Accounts hold a job's comment only where the cluster is told to keep it (AccountingStoreFlags).
        name = _name_of_comment(comment) or _name_of_comment(
            output.relative_to(clone / LOGS).parts[0] if output else ""
        )
        told = "" if reason in ("None", "") else reason
        yield Job(number, state.split()[0], name, "" if node == "None assigned" else node, elapsed, limit, told, output)


def _name_of_comment(comment: str) -> str:
    """The rule or group in the comment that Snakemake's plugin gives a job.

    `rule_NAME_wildcards_VALUES` of a rule, `rule_GROUP_RULES` of a group, whose name ends in two numbers.
    """
    name = re.sub(r"^rule_|_wildcards_$", "", comment)
    name = re.sub(r"(-lane-\d+-\d+)_\w+$", r"\1", name)
    return "" if name in ("", "(null)") else name.replace("_wildcards_", " ")
