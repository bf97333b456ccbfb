"""What a command says of its own costs at the end of its log, against what the kernel says of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from treeline.costs import Costs, read_costs

LINE = "2026-11-26 17:56:06,811 INFO treeline.costs: took 1.74 s, 0.50 s of CPU time, at most 125 MiB of memory\n"
HUNGRY = """
import logging, subprocess, sys
from pathlib import Path
from treeline.costs import log_costs, note_helper
from treeline.logs import configure_logging

configure_logging(Path(sys.argv[1]))
code = "x = b'x' * (120 << 20); print(flush=True); input()"
helper = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
helper.stdout.read(1)
note_helper(helper.pid)
helper.communicate(b"\\n")
note_helper(helper.pid)  # ended: nothing is known of it any more
mine = b"x" * (200 << 20)
del mine
sum(range(3_000_000))
log_costs()
"""


def run(*command: str) -> tuple[int, float, float]:
    """Run a command; gives its exit code, and its seconds and CPU seconds as the kernel counts them."""
    started = monotonic()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, monotonic() - started, usage.ru_utime + usage.ru_stime


def test_time_and_memory_are_those_of_the_process_and_its_helper(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    code, seconds, cpu_seconds = run("-c", HUNGRY, str(log))
    assert code == 0
    costs = read_costs(log)
    assert costs is not None
    assert 0 < costs.seconds <= seconds + 0.02  # the kernel notes a start in hundredths of a second
    assert cpu_seconds * 0.8 <= costs.cpu_seconds <= cpu_seconds
    assert 320 <= costs.memory_mib < 450


def test_a_command_that_ends_well_logs_its_costs_and_another_does_not(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.log", tmp_path / "bad.log"
    table = tmp_path / "table.csv"
    table.write_text("identifier\nhttps://a.org/1.jpg\n")
    partition = ("-m", "treeline", "urls", "partition", "--initializer", "plain", "--batch-size", "10")
    code, *_ = run(*partition, "--input", str(table), "--output-folder", str(tmp_path / "urls"), "--log", str(good))
    assert code == 0
    assert read_costs(good) is not None
    code, *_ = run(*partition, "--input", str(tmp_path / "none.csv"), "--output-folder", "x", "--log", str(bad))
    assert code == 2
    assert bad.exists()
    assert read_costs(bad) is None


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", None),
        ("took 1 s, 2 s of CPU time, at most 3 MiB of memory\n", None),
        (LINE, Costs(1.74, 0.5, 125)),
        (LINE + "x" * 10_000 + "\n", None),
        ("x" * 10_000 + "\n" + LINE, Costs(1.74, 0.5, 125)),
        (LINE + LINE.replace("1.74", "99.00"), Costs(99.0, 0.5, 125)),
    ],
    ids=["empty", "said by another", "one", "long ago", "after much else", "the last of two"],
)
def test_the_last_line_of_its_kind_counts(tmp_path: Path, log: str, expected: Costs | None) -> None:
    (tmp_path / "job.log").write_text(log)
    assert read_costs(tmp_path / "job.log") == expected
