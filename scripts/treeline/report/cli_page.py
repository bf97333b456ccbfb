"""`treeline report page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.report.app import app


@app.command("page")
def page(
    tables: Annotated[Path, typer.Argument(help="Folder that `treeline report measure` has written.")],
    output: Annotated[
        Path | None,
        typer.Option(
            help="The page; its figures are written to `figures` beside it.",
            show_default="index.html beside the folder of the tables",
        ),
    ] = None,
    log: LogOption = None,
) -> None:
    """Draw the report: one page with everything in it, its figures also as SVG and PNG."""
    from treeline.report.document import write_page

    written = write_page(tables, output or tables.absolute().parent / "index.html")
    typer.echo(f"{written}: the report")
