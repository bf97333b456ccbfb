"""`treeline report measure`."""

from __future__ import annotations

import typer

from treeline.logs import LogOption
from treeline.options import DEFAULT_CONFIG, ConfigOption
from treeline.report.app import app


@app.command("measure")
def measure(config: ConfigOption = DEFAULT_CONFIG, log: LogOption = None) -> None:
    """Make the report's tables of what there is in the output folder, finished or not."""
    from treeline.report.measure import measure as measure_output
    from treeline.settings import read_settings_file

    folder = measure_output(read_settings_file(config), config)
    typer.echo(f"{folder}: tables of the report")
