"""`treeline detections`: what people do with detector results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)


@app.command("validate")
def validate(results: Annotated[list[Path], typer.Argument(help="Detector results.")], log: LogOption = None) -> None:
    """Check files of results, and print what each holds."""
    from treeline.detections.read import read_results

    for file in results:
        content = read_results(file)
        failed = sum(image["detections"] is None for image in content["images"])
        detections = sum(len(image["detections"] or ()) for image in content["images"])
        typer.echo(f"{file}: good; {len(content['images'])} images, {failed} of them failed, {detections} detections")
