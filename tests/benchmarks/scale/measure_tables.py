"""What commands cost that look at all shards (schedule, verification, status), and a folder of many files."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.collection import Collection, make_collection
from tests.benchmarks.measure import measure_commands
from tests.benchmarks.scale.costs import Row
from tests.benchmarks.scale.servers import servers_of_shards
from treeline.config import Settings

LOOKED_AT = 10_000


def measure_tables(folder: Path, shards: int) -> list[Row]:
    """Schedule a collection anew, verify that all is there, and ask for its status."""
    collection = make_collection(folder / "collection", servers_of_shards(shards), shards)
    collection.download()
    return [
        _row("treeline download schedule", collection, _schedule(collection)),
        _row("treeline download verify", collection, _verify(collection)),
        _row("treeline status", collection, ["status", "--config", str(collection.folder / "config.yaml")]),
    ]


def _schedule(collection: Collection) -> list[str]:
    rules = json.dumps(Settings.model_fields["schedule_rules"].default)
    return [
        *_download("schedule", collection),
        "--schedules",
        str(collection.folder / "schedules"),
        *_options({"logs": collection.folder / "logs", "schedule-rules": rules, "max-lanes": 64}),
    ]


def _verify(collection: Collection) -> list[str]:
    return [
        *_download("verify", collection),
        *_options({"images": collection.paths.images, "schedule": collection.paths.schedule}),
    ]


def _download(verb: str, collection: Collection) -> list[str]:
    paths = collection.paths
    tables = {"manifest": paths.manifest, "ignored": paths.ignored, "profiles": paths.profiles}
    return ["download", verb, *_options({**tables, "checkpoint": paths.checkpoint})]


def _options(values: dict[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def _row(name: str, collection: Collection, arguments: Sequence[str]) -> Row:
    cost = measure_commands([[sys.executable, "-m", "treeline", *arguments]], collection.folder / "log")
    return {
        "command": name,
        "cpu_seconds": round(cost.cpu_seconds, 2),
        "peak_mib": round(cost.peak_mib),
    }


def measure_folder(folder: Path, files: int) -> list[Row]:
    """Make empty files in one folder, list it, and look at some of them: CPU time of the system for each."""

    def make() -> None:
        for name in names:
            os.close(os.open(name, os.O_CREAT))

    names = [folder / f"file-{number:08d}" for number in range(files)]
    chosen = names[:: max(1, files // LOOKED_AT)]
    return [
        {
            "make_us": _microseconds_each(make, files),
            "list_us": _microseconds_each(lambda: [entry.name for entry in os.scandir(folder)], files),
            "look_us": _microseconds_each(lambda: [name.stat() for name in chosen], len(chosen)),
            "folder_bytes": folder.stat().st_size,
        }
    ]


def _microseconds_each(work: Callable[[], object], things: int) -> float:
    started = time.process_time()
    work()
    return round(1e6 * (time.process_time() - started) / things, 2)
