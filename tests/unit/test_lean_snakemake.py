"""What Treeline changes in Snakemake answers as Snakemake does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SNAKEFILE = """
import json
from snakemake.jobs import Job
from treeline.lean_snakemake import oldest_output

answers = open("answers", "a")
theirs = Job.output_mintime.fget

async def compare(job):
    expected = await theirs(job)
    print(json.dumps([job.rule.name, expected, await oldest_output(job)]), file=answers, flush=True)
    return expected

Job.output_mintime = property(compare)

rule all:
    input: "one", "missing"
rule one:
    output: "one", "another", "third"
    benchmark: "benchmark"
    shell: "exit 1"
rule missing:
    output: "missing"
    shell: "exit 1"
"""


def test_the_oldest_output_of_a_job_is_what_snakemake_says_it_is(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    for age, name in enumerate(("another", "one", "benchmark")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "--cores", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = sorted((tmp_path / "answers").read_text().splitlines())
    assert answers == ['["all", null, null]', '["missing", null, null]', '["one", 998.0, 998.0]']
