"""How often a job asks the file system for names: counted by strace, of the results and of the programs it loads."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.collection import make_collection
from tests.benchmarks.corpus import SIZE_CLASSES, make_corpus, make_urls
from tests.benchmarks.downloaders import Treeline, successes_of
from tests.benchmarks.run import SCRATCH
from tests.benchmarks.scale.costs import Row
from tests.benchmarks.scale.measure_snakemake import job_command
from tests.benchmarks.server import serve

CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
NAMED = re.compile(r'(?:<(/[^>]*)>, )?"([^"]*)"')
KINDS = {
    "stat": "looks",
    "lstat": "looks",
    "newfstatat": "looks",
    "statx": "looks",
    "access": "looks",
    "faccessat2": "looks",
    "readlink": "looks",
    "open": "opens",
    "openat": "opens",
}
"""What a system call counts as; any other that takes a path is a change."""


def measure_calls(folder: Path, images: int) -> list[Row]:
    """Count the calls of each process that a shard takes: the job's own Snakemake, download, and decoding."""
    make_corpus(SCRATCH / "corpus")
    collection = make_collection(folder / "collection", 2, 4)
    rows = [_row("Snakemake of a job", job_command(collection, collection.shards[0]), collection.folder)]
    shard = folder / "shard-files"
    shard.mkdir()
    with serve(SCRATCH / "corpus") as server:
        command = Treeline().prepare(shard, make_urls(server, images, SIZE_CLASSES[:1]), resize=False)
        rows.append(_row("treeline download shard", command, shard))
    decode = [sys.executable, "-m", "treeline", "decode", "shard", "--successes", str(successes_of(shard))]
    decode += ["--archive", str(shard / "decoded.tar"), "--undecodable", str(shard / "undecodable.csv")]
    return [*rows, _row("treeline decode shard", decode, shard)]


def _row(process: str, command: Sequence[str], results: Path) -> Row:
    trace = results.parent / "trace"
    options = ("--follow-forks", "--decode-fds=path", "--trace=%file", "--output", str(trace))
    subprocess.run(["strace", *options, *command], check=True, capture_output=True)
    with trace.open(encoding="utf-8", errors="replace") as lines:
        counts = count_calls(lines, results)
    return {
        "process": process,
        **{
            f"{kind}_{place}": counts[kind, place]
            for place in ("of_results", "of_programs")
            for kind in ("looks", "opens", "changes")
        },
    }


def count_calls(lines: Iterable[str], results: Path) -> Counter[tuple[str, str]]:
    """Count calls by what they do (`looks`, `opens`, `changes`) and where (`of_results`, `of_programs`).

    Args:
        lines: What strace has written of calls that take a path, with the paths of descriptors.
        results: The folder whose files are results; all others are programs and their libraries.
    """
    return Counter(_calls(lines, str(results)))


def _calls(lines: Iterable[str], results: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        if (call := CALL.match(line)) and (path := _path(call[2])):
            kind = KINDS.get(call[1], "changes")
            if kind == "opens" and "O_CREAT" in line:
                kind = "changes"
            if call[1] not in ("execve", "chdir", "getcwd"):
                yield kind, "of_results" if path.startswith(results) else "of_programs"


def _path(arguments: str) -> str | None:
    """The first path that a call names, made absolute."""
    first = NAMED.search(arguments)
    if first is None:
        return None
    base, name = first.groups()
    return name if name.startswith("/") else f"{base or ''}/{name}"
