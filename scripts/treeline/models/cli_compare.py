"""`treeline models compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app

if TYPE_CHECKING:
    import pandas as pd


@app.command("compare")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of trained runs.", show_default=False)],
    output: Annotated[
        Path, typer.Option(help="Folder: comparison.csv, comparison.svg and comparison.png.", show_default=False)
    ],
    benchmarks: Annotated[
        Path | None,
        typer.Option(help="Folder of Snakemake's benchmarks, for the seconds of each training.", show_default="none"),
    ] = None,
    log: LogOption = None,
) -> None:
    """Put runs side by side: what each changes, its results, and their curves."""
    from treeline.models.comparison import compare_runs

    _print_table(compare_runs(runs, output, benchmarks))


def _print_table(table: pd.DataFrame) -> None:
    """Print of each run what it changes, and the first metric of each split; the file has all."""
    from treeline.console import new_table, open_console, printable

    names = [str(name) for name in table]
    metric = next(name for name in names if name.startswith("val_") and name != "val_loss").removeprefix("val_")
    shown = [
        name for name in names if not name.startswith(("val_", "test_")) or name.partition("_")[2] in ("loss", metric)
    ]
    printed = new_table(f"{len(table)} runs")
    for name in shown:
        printed.add_column(name, justify="left" if name == "run" else "right", overflow="fold")
    for row in table[shown].itertuples(index=False):
        printed.add_row(*(f"{value:.4g}" if isinstance(value, float) else printable(str(value)) for value in row))
    open_console().print(printed)
