"""`treeline datasets split`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.datasets.app import app
from treeline.logs import LogOption


@app.command("split")
def split(
    description: Annotated[
        Path, typer.Option(help="The dataset's description, YAML; its name is the dataset's.", show_default=False)
    ],
    metadata: Annotated[Path, typer.Option(help="metadata.h5 of the last step.", show_default=False)],
    splits: Annotated[Path, typer.Option(help="Target: the split of each sample, Parquet.", show_default=False)],
    leakage: Annotated[
        Path,
        typer.Option(
            help="Target: what is in the splits, JSON; pairs in two splits, where there are any, as CSV beside it.",
            show_default=False,
        ),
    ],
    log: LogOption = None,
) -> None:
    """Divide the samples among train, val and test, and check that no group or look is in two of them."""
    from treeline.datasets.divide import divide_dataset

    report = divide_dataset(description, metadata, splits, leakage)
    sizes = ", ".join(f"{name} {part['samples']:,}" for name, part in report["splits"].items())
    typer.echo(f"{splits}: {sizes}")
