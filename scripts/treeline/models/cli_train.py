"""`treeline models train`, `treeline models learning-rate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app

ExperimentArgument = Annotated[
    Path, typer.Argument(help="YAML of the experiment, such as config/experiments/deer.yaml.", show_default=False)
]
DatasetOption = Annotated[Path, typer.Option(help="Folder of the dataset.", show_default=False)]


@app.command("train")
def train(
    experiment: ExperimentArgument,
    dataset: DatasetOption,
    output: Annotated[Path, typer.Option(help="Folder of the run.", show_default=False)],
    run: Annotated[
        str | None, typer.Option(help="Which run of a sweep.", show_default="the only one of an experiment without one")
    ] = None,
    log: LogOption = None,
) -> None:
    """Train a run; one that was interrupted goes on."""
    from treeline.models.runs import select_run
    from treeline.models.training.train import train as train_run

    chosen = select_run(experiment, run)
    train_run(chosen.experiment, dataset, output, chosen.name)


@app.command("learning-rate")
def learning_rate(
    experiment: ExperimentArgument,
    dataset: DatasetOption,
    output: Annotated[
        Path | None, typer.Option(help="SVG of the loss over the rates.", show_default="none is drawn")
    ] = None,
    log: LogOption = None,
) -> None:
    """Advise a learning rate: print that of the steepest fall of the loss while the rate rises."""
    from treeline.models.experiment import read_experiment
    from treeline.models.training.learning_rate import advise_learning_rate

    base = read_experiment(experiment).model_copy(update={"sweep": None})
    typer.echo(f"{advise_learning_rate(base, dataset, experiment.stem, output):.3g}")
