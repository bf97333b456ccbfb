"""`treeline detections`: what people do with detector results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.detections import repeats
from treeline.detections.location_options import LevelsUp, LocationTable, OneLocation
from treeline.detections.locations import LocationRule
from treeline.detections.repeats.cli import app as repeats_app
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


app.add_typer(repeats_app, name="repeats", help=(repeats.__doc__ or "").partition("\n")[0])


@app.command("smooth")
def smooth(
    results: Annotated[Path, typer.Argument(help="Detector results.")],
    output: Annotated[Path, typer.Option(help="Target JSON: the smoothed results.")],
    locations: LocationTable = None,
    levels_up: LevelsUp = 0,
    one_location: OneLocation = False,
    categories: Annotated[bool, typer.Option("--categories", help="Smooth animal and vehicle too.")] = False,
    gap_seconds: Annotated[float, typer.Option(min=0, help="Longest gap within a sequence.")] = 60,
    detection_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Detections of a lower confidence do not take part.")
    ] = 0.15,
    classification_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Classifications of a lower confidence do not take part.")
    ] = 0.5,
    majority: Annotated[int, typer.Option(min=1, help="Detections that the most frequent class must have.")] = 4,
    minority: Annotated[int, typer.Option(min=0, help="A class with more detections is not overwritten.")] = 1,
    log: LogOption = None,
) -> None:
    """Let the most frequent class of a sequence overwrite the rare ones."""
    from treeline.detections.smooth import SmoothParameters, smooth_results
    from treeline.detections.smoothing import MajorityRules

    rules = MajorityRules(majority, minority)
    parameters = SmoothParameters(gap_seconds, detection_threshold, classification_threshold, categories, rules)
    smooth_results(results, output, parameters, LocationRule(locations, levels_up, one_location))
