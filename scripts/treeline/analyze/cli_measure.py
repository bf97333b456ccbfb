"""`treeline analyze measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.analyze.app import app
from treeline.logs import LogOption


@app.command("measure")
def measure(
    dataset: Annotated[
        Path,
        typer.Argument(help="A dataset: metadata.h5 of any step, or an encoding's file or folder.", show_default=False),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the analysis.", show_default=False)],
    split: Annotated[str | None, typer.Option(help="Only samples of this split: train, val or test.")] = None,
    query: Annotated[
        str | None, typer.Option(help="Only samples for which this holds, in SQL: \"label = 'deer'\".")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that decode and measure; 0: none but this one.", show_default="cores"),
    ] = None,
    log: LogOption = None,
) -> None:
    """Measure a dataset's images and labels: tables, and what they advise for training."""
    from treeline.analyze.measure import measure as measure_dataset

    samples = measure_dataset(dataset, output, split=split, query=query, workers=workers)
    typer.echo(f"{output}: {samples:,} samples")
