"""`treeline report measure`."""

from __future__ import annotations

from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.options import DEFAULT_CONFIG, ConfigOption
from treeline.report.app import app


@app.command("measure")
def measure(
    config: ConfigOption = DEFAULT_CONFIG,
    memory_mb: Annotated[
        int, typer.Option(min=512, help="Memory of the job in MiB; what does not fit goes to disk.")
    ] = 4096,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 2,
    log: LogOption = None,
) -> None:
    """Make the report's tables of what there is in the output folder, finished or not."""
    from treeline.report.measure import measure as measure_output
    from treeline.settings import read_settings_file

    folder = measure_output(read_settings_file(config), config, memory_mb=memory_mb, threads=threads)
    typer.echo(f"{folder}: tables of the report")
