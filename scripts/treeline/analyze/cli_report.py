"""`treeline analyze report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.analyze.app import app
from treeline.logs import LogOption


@app.command("report")
def report(
    analysis: Annotated[
        Path, typer.Argument(help="Folder that `treeline analyze measure` has written.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option(help="The page; its figures are written to `figures` beside it.", show_default=False)
    ],
    dataset: Annotated[
        Path | None,
        typer.Option(
            help="What was measured: metadata.h5, or an encoding's file or folder. Of it are the small pictures, and "
            "the leakage.json beside it.",
            show_default="metadata.h5 in the folder above the analysis, if it is there",
        ),
    ] = None,
    log: LogOption = None,
) -> None:
    """Draw an analysis: one page with figures for a paper, each also as SVG and PNG."""
    from treeline.analyze.report import write_report

    write_report(analysis, output, dataset)
