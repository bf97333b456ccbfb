"""What is done, what is left and what failed, and what to run next.

Everything is read from the output folder: a file that is there is done, a log that ends in an error without its file
is a failure, and the rows of each stage's tables show that nothing was lost between two stages.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from treeline.config import Settings, Stage
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.io.names import decode_server_name
from treeline.paths import Paths, shard_folder

LOG_TAIL_BYTES = 4096
FAILURE_MARKS = (" ERROR ", " CRITICAL ")


@dataclass
class StageStatus:
    """How far one stage is.

    Args:
        stage: Its name.
        unit: What one piece of its work is.
        done: Pieces whose output is there.
        left: Pieces that are still to be made, failed ones included.
        failed: Pieces whose last job ended in an error.
        rows_in: Rows that the finished pieces took.
        rows_out: What became of them; the values add up to `rows_in`.
    """

    stage: Stage
    unit: str
    done: int = 0
    left: int = 0
    failed: int = 0
    rows_in: int = 0
    rows_out: Counter[str] = field(default_factory=Counter)

    def count(self, output: Path, log: Path) -> bool:
        """Count one piece as done or left; whether it is done."""
        if output.exists():
            self.done += 1
            return True
        self.left += 1
        self.failed += _ended_in_error(log)
        return False


def collect_status(settings: Settings) -> list[StageStatus]:
    """Find out how far each configured stage is.

    Returns:
        One entry a stage of `settings.stages`, in the order of the flow.
    """
    paths = Paths(Path(settings.path_to_output), settings.output_structure)
    shards = _shards(paths)
    every = {
        "urls": _urls(paths),
        "download": _download(paths, shards),
        "decode": _decode(paths, shards, settings),
        "detect": _detect(paths, shards),
        "lookup": _lookup(paths),
        "extract": _extract(paths),
    }
    return [every[stage] for stage in every if stage in settings.stages]


def count_errors(settings: Settings) -> Counter[tuple[str, int, str]]:
    """Count the error rows of all finished shards by server, code and an example of the message."""
    paths = Paths(Path(settings.path_to_output), settings.output_structure)
    counts: Counter[tuple[str, int]] = Counter()
    examples: dict[tuple[str, int], str] = {}
    for shard in _shards(paths):
        table = paths.shard(shard.server, shard.partition) / "errors.parquet"
        if table.exists():
            for row in pq.read_table(table, columns=["error_code", "error_msg"]).to_pylist():
                key = (decode_server_name(shard.server), row["error_code"])
                counts[key] += 1
                examples.setdefault(key, row["error_msg"])
    return Counter({(*key, examples[key]): count for key, count in sorted(counts.items())})


def print_status(settings: Settings, config: Path) -> None:
    """Print how far each stage is, the errors by server and code, and the next command."""
    console = Console(highlight=False)
    stages = collect_status(settings)
    table = Table(title=f"{settings.path_to_output} ({config})", title_justify="left")
    for name in ("stage", "pieces", "done", "left", "failed", "rows in", "rows out"):
        table.add_column(name, justify="left" if name in ("stage", "pieces", "rows out") else "right")
    for stage in stages:
        out = ", ".join(f"{count} {what}" for what, count in stage.rows_out.items())
        numbers = (stage.done, stage.left, stage.failed, stage.rows_in)
        table.add_row(stage.stage, stage.unit, *map(str, numbers), out)
    console.print(table)
    _print_errors(console, count_errors(settings))
    console.print(next_step(stages, config), soft_wrap=True)


def next_step(stages: Iterable[StageStatus], config: Path) -> str:
    """Say what to run next, and where failures are explained."""
    for stage in stages:
        if stage.left or not stage.done:
            failures = f" {stage.failed} failed: their logs say why." if stage.failed else ""
            default = config == Path("config/config.yaml")
            chosen = "" if default else f" --configfile {config}"
            return f"Next:{failures} snakemake --profile profiles/local{chosen} {stage.stage}"
    return "Everything is done."


def _print_errors(console: Console, errors: Counter[tuple[str, int, str]]) -> None:
    if not errors:
        return
    table = Table(title="Images that could not be had", title_justify="left")
    table.add_column("server")
    table.add_column("code", justify="right")
    table.add_column("images", justify="right")
    table.add_column("for example", max_width=60, overflow="ellipsis", no_wrap=True)
    for (server, code, example), count in errors.items():
        table.add_row(server, str(code), str(count), example)
    console.print(table)


def _shards(paths: Paths) -> list[Shard]:
    if not paths.manifest.exists():
        return []
    ignored = read_ignored(paths.ignored)
    return [shard for shard in read_manifest(paths.manifest) if shard.server not in ignored]


def _urls(paths: Paths) -> StageStatus:
    status = StageStatus("urls", "manifest")
    if status.count(paths.manifest, paths.logs / "initialization.log"):
        status.rows_out["batched"] = sum(shard.rows for shard in read_manifest(paths.manifest))
        if paths.rejected.exists():
            for reason in pq.read_table(paths.rejected, columns=["reason"])["reason"].to_pylist():
                status.rows_out[reason] += 1
        status.rows_in = status.rows_out.total()
    return status


def _download(paths: Paths, shards: list[Shard]) -> StageStatus:
    status = StageStatus("download", "shards")
    for shard in shards:
        folder = paths.shard(shard.server, shard.partition)
        log = paths.logs / "current" / f"{shard_folder(shard.server, shard.partition)}.log"
        if status.count(folder / "completed", log):
            status.rows_in += shard.rows
            for name in ("successes", "errors"):
                status.rows_out[name] += _parquet_rows(folder / f"{name}.parquet")
    return status


def _decode(paths: Paths, shards: list[Shard], settings: Settings) -> StageStatus:
    status = StageStatus("decode", "archives")
    for shard in shards:
        archive = paths.decoded_shard(shard.server, shard.partition, settings.decode.archive)
        log = paths.logs / "decode" / f"{shard_folder(shard.server, shard.partition)}.log"
        if status.count(archive, log):
            rows = _parquet_rows(paths.shard(shard.server, shard.partition) / "successes.parquet")
            undecodable = sum(1 for _ in _csv_rows(paths.undecodable(shard.server, shard.partition)))
            status.rows_in += rows
            status.rows_out["images"] += rows - undecodable
            status.rows_out["undecodable"] += undecodable
    return status


def _detect(paths: Paths, shards: list[Shard]) -> StageStatus:
    status = StageStatus("detect", "archives")
    for shard in shards:
        results = paths.detections_shard(shard.server, shard.partition)
        log = paths.logs / "detect" / f"{shard_folder(shard.server, shard.partition)}.log"
        if status.count(results, log):
            for image in json.loads(results.read_text(encoding="utf-8"))["images"]:
                status.rows_in += 1
                status.rows_out["failures" if image.get("failure") else "images"] += 1
    return status


def _lookup(paths: Paths) -> StageStatus:
    status = StageStatus("lookup", "groups")
    for manifest in sorted(paths.lookup.glob("*/manifest.csv")):
        status.done += 1
        status.rows_out[manifest.parent.name] = sum(int(row["rows"]) for row in _csv_rows(manifest))
    status.rows_in = _parquet_rows(paths.lookup_images)
    status.left = not status.done
    return status


def _extract(paths: Paths) -> StageStatus:
    status = StageStatus("extract", "groups")
    for manifest in sorted(paths.lookup.glob("*/manifest.csv")):
        group = manifest.parent.name
        report = paths.extracted(group) / "report.csv"
        if status.count(report, paths.logs / "extract" / group / "report.log"):
            for row in _csv_rows(report):
                status.rows_in += int(row["asked"])
                for name in ("found", "missing", "duplicates"):
                    status.rows_out[name] += int(row[name])
    return status


def _parquet_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def _csv_rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def _ended_in_error(log: Path) -> bool:
    """Whether the last lines of a log report an error."""
    if not log.exists():
        return False
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        tail = file.read().decode(errors="replace")
    return any(mark in tail for mark in FAILURE_MARKS)
