"""`treeline models report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app


@app.command("report")
def report(
    run: Annotated[Path, typer.Argument(help="Folder of the run.", show_default=False)],
    evaluation: Annotated[Path, typer.Option(help="What `treeline models evaluate` has written.", show_default=False)],
    dataset: Annotated[Path, typer.Option(help="Folder of the dataset that it is of.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            help="The page; `figures`, `understanding.json` and `understanding` are written beside it.",
            show_default=False,
        ),
    ],
    log: LogOption = None,
) -> None:
    """Show how good a model is, how sure that is, where it errs, and what it looks at: one page, with its numbers."""
    from treeline.models.understanding.report import write_report

    write_report(run, evaluation, dataset, output)
