"""`treeline models evaluate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app


@app.command("evaluate")
def evaluate_run(
    run: Annotated[Path, typer.Argument(help="Folder that `treeline models train` has written.", show_default=False)],
    dataset: Annotated[
        Path, typer.Option(help="Folder of a dataset with the model's task, classes and channels.", show_default=False)
    ],
    output: Annotated[Path, typer.Option(help="The evaluation file (HDF5).", show_default=False)],
    split: Annotated[str, typer.Option(help="train, val, test, or trainvaltest for all.")] = "test",
    attributions_of: Annotated[
        int,
        typer.Option(min=0, help="Most images that get attribution masks, by the experiment's `attributions`."),
    ] = 256,
    log: LogOption = None,
) -> None:
    """Write what a model gives for each image of a dataset, and print its metrics."""
    from treeline.models.evaluation.evaluate import evaluate

    aggregates = evaluate(run, dataset, output, split=split, attributions_of=attributions_of)
    width = max(map(len, aggregates))
    for name, value in aggregates.items():
        typer.echo(f"{name:{width}}  " + ("not defined" if math.isnan(value) else f"{value:.4f}"))
