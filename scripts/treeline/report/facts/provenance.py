"""Where a report comes from: versions, configuration, input, and when servers were asked. Nothing secret is told."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from treeline import __version__
from treeline.errors import InputError
from treeline.io.files import input_files
from treeline.io.parquet import sha256_of_file
from treeline.report.facts.collection import Collection, Rows

PACKAGES = ("snakemake", "duckdb", "pyarrow", "numpy", "opencv-python", "pillow", "torch")
MOST_HASHED_BYTES = 2**30
"""Of a larger input the hash is left out: the manifest's stands for every row of it that is in a batch."""

GIT_SECONDS = 20.0


def measure_provenance(collection: Collection) -> Rows:
    """Make the table `provenance`; the requests must have been measured."""
    return [{"key": key, "value": value} for key, value in _facts(collection)]


def _facts(collection: Collection) -> Iterator[tuple[str, str]]:
    yield "treeline", __version__
    if revision := _git_revision():
        yield "git revision", revision
    made_with = sorted({one.treeline_version for one in collection.downloaded} - {""})
    yield "downloaded with treeline", ", ".join(made_with)
    yield "python", platform.python_version()
    for package in PACKAGES:
        yield package, version(package)
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "configuration", str(collection.config)
    yield "configuration sha256", sha256_of_file(collection.config)
    yield from _input(collection.output.settings.path_to_input)
    yield "manifest", str(collection.paths.manifest)
    yield "manifest sha256", sha256_of_file(collection.paths.manifest)
    yield from _times(collection)


def _input(pattern: str) -> Iterator[tuple[str, str]]:
    yield "input", pattern
    try:
        files = input_files(pattern)
    except InputError:  # it may be long gone: what was read of it is in the batches
        yield "input files", "none: it is there no more"
        return
    size = sum(file.stat().st_size for file in files)
    yield "input files", f"{len(files):,}, {size:,} bytes"
    if size <= MOST_HASHED_BYTES:
        hashes = "".join(sha256_of_file(file) for file in files)
        yield "input sha256", hashes if len(files) == 1 else sha256(hashes.encode()).hexdigest()


def _times(collection: Collection) -> Iterator[tuple[str, str]]:
    """Times come from files, not from the clock: the same files give the same report."""
    [times] = collection.rows('SELECT min(second) AS "first request", max(second) AS "last request" FROM seconds')
    for key, second in times.items():
        if second is not None:
            yield key, datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")


def _git_revision() -> str:
    """The commit of the clone that Treeline runs from; empty where it does not run from one."""
    if shutil.which("git") is None:
        return ""
    command = ("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS)
    return answer.stdout.strip()
