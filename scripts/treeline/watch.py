"""`treeline watch`: a collection's status, live on a terminal, or as lines of JSON."""

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
from treeline.io.folders import Folders
from treeline.snapshot import Snapshot, take_snapshot
from treeline.status import open_output
from treeline.status_report import next_step, profile_of, tables_of


def watch(settings: Settings, config: Path, seconds: float, *, as_json: bool) -> None:
    """Show the status again and again, until all is done or the user has seen enough.

    What is done is not looked at again, and no table of a shard is opened: a look costs one reading of each folder that
    still lacks something.

    Args:
        settings: The configuration.
        config: Its file.
        seconds: Between two looks.
        as_json: For programs: a line at each look, as `treeline status --json` prints it without the rows.
    """
    if as_json:
        for snapshot in _snapshots(settings, seconds):
            print(json.dumps(snapshot.as_json()), flush=True)
        return
    with Live(console=open_console(), auto_refresh=False) as live:
        for snapshot in _snapshots(settings, seconds):
            title = f"{settings.path_to_output} ({config}), {strftime('%H:%M:%S')}"
            step = next_step(snapshot.stages, config, profile_of(snapshot))
            live.update(Group(*tables_of(snapshot, title), step), refresh=True)


def _snapshots(settings: Settings, seconds: float) -> Iterator[Snapshot]:
    folders = Folders()
    while True:
        output = replace(open_output(settings), folders=folders, counts_rows=False)
        snapshot = take_snapshot(output, Path.cwd())
        yield snapshot
        if snapshot.is_done:
            return
        sleep(seconds)
        folders.look_again()
