"""The whole pipeline on the example servers, in a folder of a test's own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import yaml

from resources.example.make_tables import make_tables
from tests.servers import example_servers
from tests.snakemake_runs import run_snakemake

ROOT = Path(__file__).parents[1]
OF_THE_RUN = (
    *("logs/", "schedules/", "profiles.csv", "checkpoint.yaml"),
    *("catalog/catalog.duckdb", "catalog/tables/ingests.parquet", "reports/"),  # they say when
)
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@dataclass(frozen=True)
class Project:
    """A user's folder: input tables, configuration, results.

    Args:
        folder: Where it lies.
        logs: Access logs of its servers.
        profile: How Snakemake runs.
    """

    folder: Path
    logs: Path
    profile: str = "profiles/local"

    @property
    def results(self) -> Path:
        """What the pipeline wrote."""
        return self.folder / "results"

    def command(self, *options: str) -> list[str]:
        """The Snakemake command line, with some options or targets."""
        return [sys.executable, "-m", "snakemake", *self.arguments(*options)]

    def arguments(self, *options: str) -> list[str]:
        """The same, without the program."""
        return [
            *("--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder)),
            *("--configfile", str(self.folder / "config.yaml"), "--profile", str(ROOT / self.profile)),
            *options,
        ]

    def snakemake(self, *options: str) -> str:
        """Run Snakemake to its end, and give what it printed.

        Raises:
            AssertionError: It failed.
        """
        done = run_snakemake(self.arguments(*options), Path.cwd(), ENVIRONMENT)
        assert done.returncode == 0, done.stdout[-8000:]
        return done.stdout

    def configure(self, **changes: Any) -> None:
        """Write the demo's configuration with this folder's tables, and some changes."""
        config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        config |= {"path_to_input": "multimedia.csv", "path_to_output": "results"}
        config["lookup"] |= {"metadata": "occurrence.csv", "groups_folder": str(ROOT / "config/groups")}
        config["datasets"] |= {"folder": str(ROOT / "config/datasets")}
        config["models"] |= {"folder": str(ROOT / "config/experiments")}
        config["detector"] |= {"model": str(ROOT / "resources/detector/tiny_detector.pt")}
        for key, value in changes.items():
            config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def halve(self) -> None:
        """Keep two of every four rows of the table: of the broken server's, good and bad ones."""
        table = self.folder / "multimedia.csv"
        header, *rows = table.read_text().splitlines(keepends=True)
        table.write_text(header + "".join(row for number, row in enumerate(rows) if number % 4 < 2))

    def keep_servers(self, *places: int) -> None:
        """Keep the table's rows of some servers, the first of which has most rows and the last of which is broken."""
        table = self.folder / "multimedia.csv"
        header, *rows = table.read_text().splitlines(keepends=True)
        ports = [found[1] if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", row)) else "" for row in rows]
        kept = [sorted({*ports} - {""})[place] for place in places]
        table.write_text(header + "".join(row for row, port in zip(rows, ports, strict=True) if port in kept))

    def copy(self, folder: Path, profile: str | None = None) -> Project:
        """A project with the same tables and servers, and no results."""
        folder.mkdir()
        for name in ("multimedia.csv", "occurrence.csv"):
            (folder / name).write_bytes((self.folder / name).read_bytes())
        return Project(folder, self.logs, profile or self.profile)

    def requests(self) -> list[str]:
        """URLs in the order in which the servers were asked for them, all servers one after the other in time."""
        lines = [json.loads(line) for log in self.logs.glob("*.jsonl") for line in log.read_text().splitlines()]
        return [f"http://{line['server']}{line['path']}" for line in sorted(lines, key=lambda line: line["monotonic"])]

    def finished_urls(self) -> Iterator[str]:
        """URLs of the rows that finished segments and finished shards hold."""
        for batch in self.results.glob("urls/*/*/urls.parquet"):
            shard = batch.parent.relative_to(self.results / "urls")
            urls = pq.read_table(batch, columns=["identifier"])["identifier"].to_pylist()
            spool = self.results / "images/.spool" / shard
            if any(spool.glob("*/errors.parquet")):
                yield from urls
            for segment in spool.glob("*/segment-*.arrow"):
                with ipc.open_file(segment) as reader:
                    yield from (urls[row] for row in reader.read_all()["row"].to_pylist())

    def outcome(self) -> dict[str, bytes]:
        """What came of it, and not when and how it was run: every other visible file with its bytes."""
        return {name: content for name, content in tree(self.results).items() if not name.startswith(OF_THE_RUN)}


@contextmanager
def example_project(folder: Path, images: Path) -> Iterator[Project]:
    """Have the example servers answer on ports of their own, with a project whose tables name them."""
    folder.mkdir(parents=True, exist_ok=True)
    images.mkdir(parents=True, exist_ok=True)
    logs = folder / "server-logs"
    with (images.parent / f"{images.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first of several test processes draws the photos for all
        with example_servers(images, logs) as first_port:
            fcntl.flock(lock, fcntl.LOCK_UN)
            make_tables(folder, first_port)
            project = Project(folder, logs)
            project.configure()
            yield project


def executed(output: str) -> list[str]:
    """Names of the rules whose jobs Snakemake's output says it started, in order; targets left out."""
    starts = ("rule ", "localrule ", "checkpoint ", "localcheckpoint ")
    lines = [line.strip() for line in output.splitlines()]
    return [line.split()[1].rstrip(":") for line in lines if line.startswith(starts) and line.endswith(":")]


def tree(folder: Path) -> dict[str, bytes]:
    """Every visible file under a folder with its bytes, by relative path."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }
