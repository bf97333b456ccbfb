"""`treeline status`: print how far each stage is, what runs, the errors by server and code, and what to run next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from treeline.cluster import LOGS, ClusterJobs
from treeline.config import Settings
from treeline.console import format_duration, format_number, new_table, open_console, printable
from treeline.download.underway import Underway
from treeline.options import DEFAULT_CONFIG
from treeline.snapshot import ServerOutlook, Snapshot, take_snapshot
from treeline.status import StageStatus, open_output

LOCAL_PROFILE = "profiles/local"
EXAMPLE_CHARACTERS = 72
MOST_LINES = 20
"""Of a table that grows with the cluster; JSON has them all."""


def print_status(settings: Settings, config: Path, *, as_json: bool = False) -> None:
    """Print the status of the collection that `config` describes, as text or as one JSON object.

    Raises:
        InputError: A table cannot be read.
    """
    snapshot = take_snapshot(open_output(settings), Path.cwd())
    step = next_step(snapshot.stages, config, profile_of(snapshot))
    if as_json:
        print(json.dumps({**snapshot.as_json(), "next": step}, indent=1))
        return
    console = open_console()
    for table in tables_of(snapshot, f"{settings.path_to_output} ({config})"):
        console.print(table)
    console.print(step, soft_wrap=True)


def tables_of(snapshot: Snapshot, title: str) -> Iterator[Table | str]:
    """What there is to show; nothing is shown of what there is not."""
    yield _stages_table(snapshot, title)
    if snapshot.errors:
        yield _errors_table(snapshot.errors)
    if snapshot.underway:
        yield _underway_table(snapshot.underway, snapshot.time)
        yield _servers_table(snapshot.servers)
    if snapshot.jobs is not None:
        yield from _jobs_tables(snapshot.jobs)
    for piece in snapshot.failed:
        yield "\n    ".join([f"{piece.stage} failed: {piece.log}", *map(printable, piece.lines)])


def profile_of(snapshot: Snapshot) -> str:
    """The profile that Snakemake runs with: the cluster's where it has, or had, jobs of this clone."""
    return "slurm" if snapshot.jobs is not None and any(snapshot.jobs) else LOCAL_PROFILE


def next_step(stages: Iterable[StageStatus], config: Path, profile: str = LOCAL_PROFILE) -> str:
    """Say what to run next, and where a failure is explained."""
    for stage in stages:
        if not stage.finished:
            failures = f" {len(stage.failed)} failed, see {stage.failed[0]}. Then:" if stage.failed else ""
            chosen = "" if config == DEFAULT_CONFIG else f" --configfile {shlex.quote(str(config))}"
            # The stage stands first: Snakemake takes whatever follows `--configfile` for more configurations.
            return f"Next:{failures} snakemake {stage.stage} --profile {profile}{chosen}"
    return "Everything is done."


def _stages_table(snapshot: Snapshot, title: str) -> Table:
    table = new_table(title)
    rows = ("rows in", "rows out") if snapshot.counts_rows else ()
    for name in ("stage", "pieces", "done", "left", "failed", *rows):
        table.add_column(name, justify="left" if name in ("stage", "pieces", "rows out") else "right")
    for stage in snapshot.stages:
        out = "\n".join(f"{count} {what}" for what, count in sorted(stage.rows_out.items()) if count)
        left = str(stage.left) if stage.known else "?"
        counts = (str(stage.rows_in), out) if snapshot.counts_rows else ()
        table.add_row(stage.stage, stage.unit, str(stage.done), left, str(len(stage.failed)), *counts)
    return table


def _underway_table(underway: Sequence[Underway], now: float) -> Table:
    table = new_table(f"Downloads that run: {len(underway)}")
    for name in ("server", "shard", "node", "job", "for", "rows", "of", "images/s", "MB/s", "errors"):
        table.add_column(name, justify="left" if name in ("server", "node", "job", "errors") else "right")
    for one in underway[:MOST_LINES]:
        speeds = (one.images_per_second, one.bytes_per_second and one.bytes_per_second / 1e6)
        table.add_row(
            *(one.server_name, str(one.partition), one.node, one.job or f"process {one.process}"),
            *(format_duration(now - one.started), f"{one.done:,}", f"{one.rows:,}"),
            *("" if speed is None else format_number(speed) for speed in speeds),
            ", ".join(f"{code} x {count}" for code, count in one.errors.items()),
        )
    return table


def _servers_table(servers: Sequence[ServerOutlook]) -> Table:
    table = new_table(f"Servers that are not done: {len(servers)}")
    for name in ("server", "shards left", "running", "rows left", "rows/s", "done in"):
        table.add_column(name, justify="left" if name == "server" else "right")
    for server in servers[:MOST_LINES]:
        rate, seconds = server.rows_per_second, server.seconds_left
        table.add_row(
            *(server.server_name, str(server.shards_left), str(server.running), f"{server.rows_left:,}"),
            *("" if rate is None else format_number(rate), "?" if seconds is None else format_duration(seconds)),
        )
    return table


def _jobs_tables(jobs: ClusterJobs) -> Iterator[Table]:
    waiting = sum(job.state == "PENDING" for job in jobs.present)
    present = f"Jobs on the cluster: {len(jobs.present)}, {waiting} of them waiting"
    failed = f"Jobs that did not end well, as far as Slurm remembers: {len(jobs.failed)} ({LOGS}/*/JOB.log)"
    for title, listed in ((present, jobs.present), (failed, jobs.failed)):
        table = new_table(title)
        for name in ("job", "state", "rule or shards", "node", "ran", "of", "why"):
            table.add_column(name, overflow="fold")
        for job in listed[-MOST_LINES:]:
            table.add_row(job.number, job.state, job.name, job.node, job.elapsed, job.limit, job.reason)
        if listed:
            yield table


def _errors_table(errors: Mapping[tuple[str, int, str], int]) -> Table:
    table = new_table("Images that could not be had (treeline errors says more)")
    table.add_column("server", overflow="fold")
    table.add_column("code", justify="right", no_wrap=True)
    table.add_column("images", justify="right", no_wrap=True)
    table.add_column("for example")
    for (server, code, example), count in errors.items():
        table.add_row(server, str(code), str(count), printable((example or "")[:EXAMPLE_CHARACTERS]))
    return table
