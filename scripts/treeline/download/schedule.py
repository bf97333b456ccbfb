"""Schedule downloads: write down which lane downloads which shards, at which rate.

The schedule is a file, so that every process that reads the workflow sees the same lanes while shards are finished.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from treeline.download.lanes import Lanes
from treeline.download.tables import (
    CONFIG_COLUMNS,
    SCHEDULE_COLUMNS,
    csv_text,
    read_profiles,
    read_text,
    row_of_server,
    write_checkpoint,
)
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder, write_text
from treeline.io.manifest import ShardId
from treeline.io.names import decode_server_name, encode_server_name

CURRENT = "current"


def schedule_downloads(lanes: Lanes, profiles: Path, schedules: Path, logs: Path, checkpoint: Path) -> None:
    """Write `current/0000/_config.csv` and `0000.csv`; an older `current` that differs gets the next number.

    Args:
        lanes: The plan.
        profiles: The profiles table, for the rates.
        schedules: Folder of the schedules.
        logs: Folder of the log files, whose `current` is numbered with the schedule.
        checkpoint: The inner checkpoint file, set to `schedule_creation_scheduled`.
    """
    tables = {
        "0000.csv": csv_text(SCHEDULE_COLUMNS, _schedule_rows(lanes, read_profiles(profiles), profiles)),
        "_config.csv": csv_text(CONFIG_COLUMNS, _config_rows(lanes)),
    }
    folder = schedules / CURRENT / "0000"
    if any(read_text(folder / name) != text for name, text in tables.items()):
        _rotate(schedules, logs)
        with atomic_folder(schedules / CURRENT) as current:
            for name, text in tables.items():
                write_text(current / "0000" / name, text)
    write_checkpoint(checkpoint, done=("batched", "profiled", "schedule_creation_scheduled"))


def read_schedule(schedule: Path) -> Lanes:
    """Read the lanes back from `0000.csv`.

    Raises:
        InputError: A row is not of a schedule.
    """
    lanes: dict[int, list[ShardId]] = defaultdict(list)
    with schedule.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            try:
                rank, server = int(row["rank"]), encode_server_name(row["server_name"])
                run = range(int(row["partition_id_from"]), int(row["partition_id_to"]))
            except (KeyError, ValueError, TypeError) as error:
                problem = f"is not a row of a schedule ({error})."
                raise InputError(schedule, problem, row=number, fix="Delete the file.") from None
            lanes[rank] += [ShardId(server, partition) for partition in run]
    return Lanes([lanes[rank] for rank in sorted(lanes)])


def _schedule_rows(lanes: Lanes, known: Mapping[str, dict[str, str]], profiles: Path) -> Iterator[tuple[object, ...]]:
    """One row for each run of consecutive batches of a server in a lane; `partition_id_to` is exclusive."""
    for rank, lane in enumerate(lanes.lanes):
        # Along a run, number and place grow alike: their difference tells two runs of one server apart.
        placed = ((shard.server, shard.partition - place, shard.partition) for place, shard in enumerate(lane))
        for (server, _), run in groupby(placed, key=itemgetter(0, 1)):
            partitions = [partition for _, _, partition in run]
            name = decode_server_name(server)
            rate = float(row_of_server(known, name, profiles)["rate_limit"]) / lanes.lanes_of[server]
            yield rank, name, partitions[0], partitions[-1] + 1, rank, f"{rate:g}"


def _config_rows(lanes: Lanes) -> Iterator[tuple[object, ...]]:
    batches = Counter(shard.server for lane in lanes.lanes for shard in lane)
    for index, (server, nodes) in enumerate(sorted(lanes.lanes_of.items())):
        yield index, decode_server_name(server), batches[server], 1, nodes


def _rotate(schedules: Path, logs: Path) -> None:
    """Rename `current` to the next free number, in both folders alike."""
    if not (schedules / CURRENT).exists():
        return
    taken = [int(folder.name) for parent in (schedules, logs) for folder in parent.glob("[0-9]*")]
    number = 1 + max(taken, default=0)
    for parent in (logs, schedules):
        if (parent / CURRENT).exists():
            (parent / CURRENT).rename(parent / f"{number:04d}")
