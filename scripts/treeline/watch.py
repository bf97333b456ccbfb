"""`treeline watch`: a collection's status, live on a terminal, or as lines of JSON, and as a file for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep, strftime

from rich.console import Group
from rich.live import Live

from treeline.config import Settings
from treeline.console import open_console
from treeline.failures import ErrorTally
from treeline.io.folders import Folders
from treeline.snapshot import Snapshot, take_snapshot
from treeline.status import open_output
from treeline.status_report import MOST_LINES, next_step, profile_of, tables_of

LEAST_LINES = 3
LINES_AROUND_A_TABLE = 4


def watch(settings: Settings, config: Path, seconds: float, *, as_json: bool, prometheus: Path | None = None) -> None:
    """Show the status again and again, until all is done or the user has seen enough.

    What is done is not looked at again, and of a shard's tables only that of its errors is opened, once: a look costs
    one reading of each folder that still lacks something.

    Args:
        settings: The configuration.
        config: Its file.
        seconds: Between two looks.
        as_json: For programs: a line at each look, as `treeline status --json` prints it without the rows.
        prometheus: A file to write anew at each look.

    Raises:
        InputError: A table cannot be read, or `prometheus` not be written.
    """
    snapshots = _snapshots(settings, seconds, prometheus)
    if as_json:
        for snapshot in snapshots:
            print(json.dumps(snapshot.as_json()), flush=True)
        return
    with Live(console=open_console(), auto_refresh=False) as live:
        for snapshot in snapshots:
            title = f"{settings.path_to_output} ({config}), {strftime('%H:%M:%S')}"
            step = next_step(snapshot.stages, config, profile_of(snapshot))
            lines = _lines_of_a_table(snapshot, live.console.height)
            live.update(Group(*tables_of(snapshot, title, lines), step), refresh=True)


def _snapshots(settings: Settings, seconds: float, prometheus: Path | None) -> Iterator[Snapshot]:
    folders, errors = Folders(), ErrorTally()
    while True:
        output = replace(open_output(settings), folders=folders, counts_rows=False)
        snapshot = take_snapshot(output, errors.count(output), Path.cwd())
        if prometheus is not None:
            from treeline.metrics import write_metrics

            write_metrics(snapshot, str(output.paths.root.absolute()), prometheus)
        yield snapshot
        if snapshot.is_done:
            return
        sleep(seconds)
        folders.look_again()


def _lines_of_a_table(snapshot: Snapshot, height: int) -> int:
    """How many lines each growing table may have for all to fit in a terminal of so many lines."""
    tables = 2 * bool(snapshot.underway) + bool(snapshot.errors)
    if snapshot.jobs is not None:
        tables += sum(map(bool, snapshot.jobs))
    room = height - len(snapshot.stages) - LINES_AROUND_A_TABLE - sum(1 + len(piece.lines) for piece in snapshot.failed)
    return min(MOST_LINES, max(LEAST_LINES, room // max(1, tables) - LINES_AROUND_A_TABLE))
