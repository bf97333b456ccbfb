"""`treeline status`: print how far each stage is, what runs, the errors by server and code, and what to run next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.table import Column, Table

from treeline.cluster import LOGS, ClusterJobs
from treeline.config import Settings
from treeline.console import format_duration, format_number, new_table, open_console, printable
from treeline.download.underway import Underway
from treeline.failures import count_errors
from treeline.options import DEFAULT_CONFIG
from treeline.snapshot import Downloads, ServerOutlook, Snapshot, take_snapshot
from treeline.status import StageStatus, open_output

LOCAL_PROFILE = "profiles/local"
EXAMPLE_CHARACTERS = 72
MOST_LINES = 20
"""Of a table that grows with the cluster or the servers; JSON has them all."""

BAR_CHARACTERS = 10


def print_status(settings: Settings, config: Path, *, as_json: bool = False) -> None:
    """Print the status of the collection that `config` describes, as text or as one JSON object.

    Raises:
        InputError: A table cannot be read.
    """
    output = open_output(settings)
    snapshot = take_snapshot(output, count_errors(output), Path.cwd())
    step = next_step(snapshot.stages, config, profile_of(snapshot))
    if as_json:
        print(json.dumps({**snapshot.as_json(), "next": step}, indent=1))
        return
    console = open_console()
    for table in tables_of(snapshot, f"{settings.path_to_output} ({config})"):
        console.print(table)
    console.print(step, soft_wrap=True)


def tables_of(snapshot: Snapshot, title: str, most_lines: int = MOST_LINES) -> Iterator[Table | str]:
    """What there is to show; nothing is shown of what there is not.

    Args:
        snapshot: What was seen.
        title: Of all of it.
        most_lines: Of each table that grows with the cluster or the servers.
    """
    yield _stages_table(snapshot, title)
    if snapshot.underway and snapshot.downloads is not None:
        yield _summary(snapshot.downloads)
        yield _underway_table(snapshot.underway[:most_lines], len(snapshot.underway), snapshot.time)
        yield _servers_table(snapshot.servers[:most_lines], len(snapshot.servers))
    if snapshot.errors:
        yield _errors_table(snapshot.errors, most_lines)
    if snapshot.jobs is not None:
        yield from _jobs_tables(snapshot.jobs, most_lines)
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
    """Stages, each with its rows where these are counted, or else with what its pieces are."""
    table = new_table(title)
    of_stage = ("rows in", "rows out") if snapshot.counts_rows else ("pieces",)
    for name in ("stage", "", "done", "failed", *of_stage):
        left = name in ("stage", "pieces", "rows out")
        table.add_column(name, justify="left" if left else "right", no_wrap=name in ("", "done"))
    for stage in snapshot.stages:
        done = f"{stage.done} of {stage.done + stage.left if stage.known else '?'}"
        facts = (str(stage.rows_in), _rows_out(stage)) if snapshot.counts_rows else (stage.unit,)
        table.add_row(stage.stage, _bar(stage), done, str(len(stage.failed)), *facts)
    return table


def _rows_out(stage: StageStatus) -> Table:
    """Counts, with what they count."""
    table = Table.grid(Column(justify="right", no_wrap=True), Column(overflow="fold"), padding=(0, 1))
    for name, count in sorted(stage.rows_out.items()):
        if count:
            table.add_row(str(count), name)
    return table


def _bar(stage: StageStatus) -> str:
    """How much of a stage is done, which is all only when nothing is left."""
    if not stage.known or not stage.done + stage.left:
        return ""
    share = stage.done / (stage.done + stage.left)
    full = int(BAR_CHARACTERS * share)
    return f"{'█' * full}{'░' * (BAR_CHARACTERS - full)} {int(100 * share):3} %"


def _summary(downloads: Downloads) -> str:
    done = downloads.rows - downloads.rows_left
    text = f"Downloads: {done:,} of {downloads.rows:,} rows"
    if not downloads.rows_per_second:
        return text
    images, megabytes = format_number(downloads.images_per_second), format_number(downloads.bytes_per_second / 1e6)
    return f"{text}, {images} images/s, {megabytes} MB/s, done in {format_duration(downloads.seconds_left or 0.0)}"


def _underway_table(underway: Sequence[Underway], count: int, now: float) -> Table:
    table = new_table(f"Downloads that run: {count}")
    for name in ("server", "shard", "node", "job", "for", "rows", "of", "images/s", "MB/s", "errors"):
        table.add_column(name, justify="left" if name in ("server", "node", "job", "errors") else "right")
    for one in underway:
        speeds = (one.images_per_second, one.bytes_per_second and one.bytes_per_second / 1e6)
        table.add_row(
            *(one.server_name, str(one.partition), one.node, one.job or f"process {one.process}"),
            *(format_duration(now - one.started), f"{one.done:,}", f"{one.rows:,}"),
            *("" if speed is None else format_number(speed) for speed in speeds),
            ", ".join(f"{code} x {count}" for code, count in one.errors.items()),
        )
    return table


def _servers_table(servers: Sequence[ServerOutlook], count: int) -> Table:
    table = new_table(f"Servers that are not done: {count}")
    for name in ("server", "shards left", "running", "rows left", "rows/s", "at most", "done in"):
        table.add_column(name, justify="left" if name == "server" else "right")
    for server in servers:
        seconds = server.seconds_left
        table.add_row(
            *(server.server_name, str(server.shards_left), str(server.running), f"{server.rows_left:,}"),
            *("" if rate is None else format_number(rate) for rate in (server.rows_per_second, server.rate_limit)),
            "?" if seconds is None else format_duration(seconds),
        )
    return table


def _jobs_tables(jobs: ClusterJobs, most_lines: int) -> Iterator[Table]:
    waiting = sum(job.state == "PENDING" for job in jobs.present)
    present = f"Jobs on the cluster: {len(jobs.present)}, {waiting} of them waiting"
    failed = f"Jobs that did not end well, as far as Slurm remembers: {len(jobs.failed)} ({LOGS}/*/JOB.log)"
    for title, listed in ((present, jobs.present), (failed, jobs.failed)):
        table = new_table(title)
        for name in ("job", "state", "rule or shards", "node", "ran", "of", "why"):
            table.add_column(name, overflow="fold")
        for job in listed[-most_lines:]:
            table.add_row(job.number, job.state, job.name, job.node, job.elapsed, job.limit, job.reason)
        if listed:
            yield table


def _errors_table(errors: Mapping[tuple[str, int, str], int], most_lines: int) -> Table:
    table = new_table(f"Failed images: {sum(errors.values()):,} (treeline errors says more)")
    table.add_column("server", overflow="fold")
    table.add_column("code", justify="right", no_wrap=True)
    table.add_column("images", justify="right", no_wrap=True)
    table.add_column("for example")
    for (server, code, example), count in sorted(errors.items(), key=lambda group: -group[1])[:most_lines]:
        table.add_row(server, str(code), f"{count:,}", printable((example or "")[:EXAMPLE_CHARACTERS]))
    return table
