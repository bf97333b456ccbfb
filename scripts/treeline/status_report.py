"""`treeline status`: print how far each stage is, the errors by server and code, and what to run next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from treeline.config import Settings
from treeline.console import new_table, open_console, printable
from treeline.failures import count_errors
from treeline.options import DEFAULT_CONFIG
from treeline.status import StageStatus, collect_status, open_output

EXAMPLE_CHARACTERS = 72


def print_status(settings: Settings, config: Path) -> None:
    """Print the status of the collection that `config` describes.

    Raises:
        InputError: A table cannot be read.
    """
    console = open_console()
    output = open_output(settings)
    stages = collect_status(output)
    console.print(_stages_table(stages, f"{settings.path_to_output} ({config})"))
    errors = count_errors(output)
    if errors:
        console.print(_errors_table(errors))
    console.print(next_step(stages, config), soft_wrap=True)


def next_step(stages: Iterable[StageStatus], config: Path) -> str:
    """Say what to run next, and where a failure is explained."""
    for stage in stages:
        if not stage.finished:
            failures = f" {len(stage.failed)} failed, see {stage.failed[0]}. Then:" if stage.failed else ""
            chosen = "" if config == DEFAULT_CONFIG else f" --configfile {shlex.quote(str(config))}"
            return f"Next:{failures} snakemake --profile profiles/local{chosen} {stage.stage}"
    return "Everything is done."


def _stages_table(stages: Iterable[StageStatus], title: str) -> Table:
    table = new_table(title)
    for name in ("stage", "pieces", "done", "left", "failed", "rows in", "rows out"):
        table.add_column(name, justify="left" if name in ("stage", "pieces", "rows out") else "right")
    for stage in stages:
        out = "\n".join(f"{count} {what}" for what, count in sorted(stage.rows_out.items()) if count)
        left = str(stage.left) if stage.known else "?"
        numbers = map(str, (stage.done, left, len(stage.failed), stage.rows_in))
        table.add_row(stage.stage, stage.unit, *numbers, out)
    return table


def _errors_table(errors: Counter[tuple[str, int, str]]) -> Table:
    table = new_table("Images that could not be had (treeline errors says more)")
    table.add_column("server", overflow="fold")
    table.add_column("code", justify="right", no_wrap=True)
    table.add_column("images", justify="right", no_wrap=True)
    table.add_column("for example")
    for (server, code, example), count in errors.items():
        table.add_row(server, str(code), str(count), printable((example or "")[:EXAMPLE_CHARACTERS]))
    return table
