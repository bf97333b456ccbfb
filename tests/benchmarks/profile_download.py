"""Where the CPU time of a download job goes, by py-spy's samples of all its processes.

Run it as `python -m tests.benchmarks.profile_download`: 2 minutes. Writes its table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.corpus import make_corpus, make_urls
from tests.benchmarks.downloaders import Treeline
from tests.benchmarks.measure import measure_commands
from tests.benchmarks.page import describe, write_section
from tests.benchmarks.run import SCRATCH
from tests.benchmarks.server import make_certificate, serve

SAMPLES_A_SECOND = 250

WAITING, OTHER = "waiting", "other"
GROUPS = {
    WAITING: r"^EpollSelector\.select|^_worker \(concurrent|^wait \(threading",
    "imports": r"importlib|_make_ssl_context",
    "decode": r"decode\w* \(treeline/io/images",
    "reduce": r"\(treeline/io/resize",
    "encode": r"\(treeline/io/encode",
    "read headers and EXIF": r"\(treeline/io/(images|exif)",
    "MD5": r"^md5",
    "TLS": r"\(ssl\.py|sslproto|SSLProtocol",
    "to the decoder and back": r"treeline/(download/decoder\w*|io/(process|stored))\.py|sock_(recv|sendall) ",
    "segments": r"\(treeline/download/(buffer|spool)\.py",
    "request log and progress": r"\(treeline/download/(telemetry|progress|terminal)\.py",
    "assembly": r"\(treeline/download/(assemble|shard)\.py|\(treeline/io/parquet",
    "HTTP": r"aiohttp|httpx|yarl|SocketTransport|\(treeline/download/(fetch|exchange|client)\.py",
    "rate, robots.txt and limits": r"\(treeline/download/\w+\.py",
    "event loop": r"_run_once|Handle\._run",
}
"""What a sample belongs to: its frames are looked at from the innermost outwards, each for all of these in order."""

TASKS = {"256, HTTP": (True, False), "256, HTTPS": (True, True), "as served, HTTP": (False, False)}
"""The columns: whether images are reduced, and whether TLS is used."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.profile_download")
    parser.add_argument("--urls", type=int, default=2000, help="images of each job")
    count = parser.parse_args().urls
    make_corpus(SCRATCH / "corpus")
    costs = {task: _profile(count, resize=resize, tls=tls) for task, (resize, tls) in TASKS.items()}
    command = f"python -m tests.benchmarks.profile_download --urls {count}"
    write_section("profile", [*describe(command), "CPU ms an image, the mix of sizes:", "", *_table(costs)])


def _profile(count: int, *, resize: bool, tls: bool) -> dict[str, float]:
    """Run a job with samples and one without, which says what a sample stands for; CPU ms an image by group."""
    folder = SCRATCH / "runs"
    samples = folder / "samples"
    certificate = make_certificate(SCRATCH / "tls") if tls else None
    with serve(SCRATCH / "corpus", certificate=certificate) as server:
        urls = make_urls(server, count)
        environment = {"SSL_CERT_FILE": str(certificate.trusted)} if certificate is not None else {}
        for observer in ([], _py_spy(samples)):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            command = Treeline().prepare(folder, urls, resize=resize)
            cost = measure_commands([[*observer, *command]], folder / "log", environment)
            if not observer:
                milliseconds = cost.cpu_seconds / count * 1000
    groups = Counter[str]()
    for stack, number in _stacks(samples):
        groups[group_of(stack)] += number
    del groups[WAITING]
    return {name: milliseconds * number / groups.total() for name, number in groups.items()}


def group_of(stack: list[str]) -> str:
    """What a stack of frames, outermost first, works at."""
    for frame in reversed(stack):
        for name, pattern in GROUPS.items():
            if re.search(pattern, frame):
                return name
    return OTHER


def _py_spy(samples: Path) -> list[str]:
    options = ["--format", "raw", "--subprocesses", "--rate", str(SAMPLES_A_SECOND), "--output", str(samples)]
    return ["py-spy", "record", *options, "--"]


def _stacks(samples: Path) -> Iterator[tuple[list[str], int]]:
    """The sampled stacks, outermost frame first, without the processes that py-spy puts before them."""
    for line in samples.read_text(encoding="utf-8").splitlines():
        stack, _, number = line.rpartition(" ")
        frames = [frame for frame in stack.split(";") if not frame.startswith("process ")]
        yield frames, int(number)


def _table(costs: Mapping[str, Mapping[str, float]]) -> list[str]:
    lines = [f"| | {' | '.join(costs)} |", "|---|" + "--:|" * len(costs)]
    first = next(iter(costs.values()))
    for name in sorted((*GROUPS, OTHER), key=lambda name: -first.get(name, 0)):
        if name != WAITING:
            lines.append(f"| {name} | {' | '.join(f'{cost.get(name, 0):.2f}' for cost in costs.values())} |")
    totals = " | ".join(f"{sum(cost.values()):.2f}" for cost in costs.values())
    return [*lines, f"| all | {totals} |"]


if __name__ == "__main__":
    main()
