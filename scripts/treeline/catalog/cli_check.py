"""`treeline catalog check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption

app = typer.Typer()


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="MegaDB JSON: a file, or a folder of them.", show_default=False)],
    compat: Annotated[bool, typer.Option(help="Apply MegaDB's own rules alone.")] = False,
    report: Annotated[Path | None, typer.Option(help="List all violations here, as .csv or .json.")] = None,
    log: LogOption = None,
) -> None:
    """Check sequences, data sets or splits against the rules of MegaDB; exits with 2 if any is broken."""
    from treeline.catalog.check import check as check_files
    from treeline.catalog.violations import InvalidSourceError, check_report_name

    if report is not None:
        check_report_name(report)
    violations = check_files(path, is_strict=not compat)
    if report is not None:
        violations.write(report)
    if violations.errors:
        raise InvalidSourceError(path, violations, report)
    typer.echo(f"{path}: good" + (f"; {violations.summary()}" if violations.warnings else ""))
