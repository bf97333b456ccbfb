"""Snakemake and treeline, which tests run again and again: imported once, as that takes longer than most runs.

Each run is a process of its own, forked from one that has imported the program and done nothing with it yet. That one
reads runs from its standard input and ends with it. Only tests that kill Snakemake start `python -m snakemake`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).parents[1]


def run_snakemake(
    arguments: Sequence[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake to its end in a folder; what it printed, errors too, is in `stdout`."""
    return _run("snakemake", arguments, folder, environment)


def run_treeline(
    arguments: Sequence[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run treeline to its end in a folder; what it printed, errors too, is in `stdout`."""
    return _run("treeline", arguments, folder, environment)


def _run(
    program: str, arguments: Sequence[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    server = _server(program)
    assert server.stdin is not None and server.stdout is not None
    with NamedTemporaryFile("r", encoding="utf-8") as printed:
        run = {"arguments": arguments, "folder": str(folder), "environment": environment, "output": printed.name}
        try:
            print(json.dumps(run), file=server.stdin, flush=True)
            status = int(server.stdout.readline())
        except BaseException:  # such as a test's time being up: the next run must not get this one's answer
            server.kill()
            _server.cache_clear()
            raise
        return subprocess.CompletedProcess(arguments, status, printed.read())


@cache
def _server(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.snakemake_runs", program]
    # A process that is forked from one with several threads may wait for them for ever.
    alone = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _serve(program: str) -> None:
    main = _load(program)
    for line in sys.stdin:
        run = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(program, **run)
            main()  # ends this process
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _load(program: str) -> Callable[[], object]:
    if program == "snakemake":
        from snakemake.cli import main as snakemake

        return snakemake
    for heavy in ("duckdb", "pandas", "pyarrow.parquet", "rich.console"):
        import_module(heavy)
    from treeline.cli import main as treeline

    return treeline


def _become(program: str, arguments: Sequence[str], folder: str, environment: Mapping[str, str], output: str) -> None:
    """Make of this process one that was started for a run."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [program, *arguments]
    nothing, file = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_APPEND)
    for source, target in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(source, target)


if __name__ == "__main__":
    _serve(sys.argv[1])
