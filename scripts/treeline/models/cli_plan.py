"""`treeline models plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app


@app.command("plan")
def plan(
    experiment: Annotated[
        Path, typer.Argument(help="The experiment, YAML; its name is the experiment's.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Folder of all models: of each run `<run>/options.json`, and `<experiment>/plan.json`.",
            show_default=False,
        ),
    ],
    log: LogOption = None,
) -> None:
    """Write what each run is to be trained with, so that a run is done anew when its own options have changed."""
    from treeline.models.runs import write_plan

    names = write_plan(experiment, output)
    typer.echo(f"{experiment}: {len(names)} run{'s' if len(names) != 1 else ''}: {', '.join(names)}")
