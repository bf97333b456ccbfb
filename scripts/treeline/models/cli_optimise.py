"""`treeline models optimise`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from treeline.logs import LogOption
from treeline.models.app import app
from treeline.models.optimisation.names import FORM_NAMES, check_forms


@app.command("optimise")
def optimise(
    run: Annotated[
        Path, typer.Argument(help="Folder of a run that `treeline models train` has written.", show_default=False)
    ],
    dataset: Annotated[Path, typer.Option(help="Folder of the dataset that it was trained on.", show_default=False)],
    output: Annotated[
        Path, typer.Option(help="Folder that gets optimise.json, its plot, and optimised/.", show_default=False)
    ],
    forms: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Make this form, beside eager and exported; repeatable: {', '.join(FORM_NAMES)}.",
            show_default="all of them",
        ),
    ] = None,
    split: Annotated[Literal["val", "test"], typer.Option(help="On which images the metric is measured.")] = "test",
    rounds: Annotated[int, typer.Option(min=1, help="Times that each form's latency is measured.")] = 20,
    log: LogOption = None,
) -> None:
    """Make smaller and faster forms of a trained model, and measure what each costs."""
    from treeline.models.optimisation.optimise import optimise

    optimise(run, dataset, output, check_forms(forms or FORM_NAMES), split, rounds)
