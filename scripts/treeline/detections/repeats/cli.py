"""`treeline detections repeats`: find, review and remove detections that recur at one camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.detections.locations import LocationRule
from treeline.detections.options import LevelsUpOption, LocationsOption, OneLocationOption, ResultsArgument
from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)

CandidatesOption = Annotated[Path, typer.Option(help="What `find` wrote.")]


@app.command("find")
def find(
    results: ResultsArgument,
    output: Annotated[Path, typer.Option(help="Target JSON: the candidates.")],
    locations: LocationsOption = None,
    levels_up: LevelsUpOption = 0,
    one_location: OneLocationOption = False,
    iou: Annotated[float, typer.Option(min=0.5, max=1, help="Least overlap (IoU) of boxes that are the same.")] = 0.9,
    occurrences: Annotated[int, typer.Option(min=2, help="Least number of detections that are the same.")] = 20,
    min_confidence: Annotated[
        float, typer.Option(min=0.001, max=1, help="Detections of a lower confidence are left alone.")
    ] = 0.1,
    max_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Detections of a higher confidence are left alone.")
    ] = 1.0,
    max_area: Annotated[
        float, typer.Option(min=0, max=1, help="Larger boxes are left alone; a share of the image.")
    ] = 0.2,
    log: LogOption = None,
) -> None:
    """List the boxes that recur at a camera."""
    from treeline.detections.repeats.find import RepeatParameters, find_repeats

    parameters = RepeatParameters(iou, occurrences, min_confidence, max_confidence, max_area)
    find_repeats(results, output, parameters, LocationRule(locations, levels_up, one_location))


@app.command("review")
def review(
    candidates: Annotated[Path, typer.Argument(help="What `find` wrote.")],
    images: Annotated[Path, typer.Option(help="Folder of images by their names in the results, or of archives.")],
    output: Annotated[Path, typer.Option(help="Target folder; open its index.html.")],
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Make a page on which a person decides what to keep; it needs no network and no server."""
    from treeline.detections.repeats.review import make_review

    make_review(candidates, images, output, threads=threads)


@app.command("remove")
def remove(
    results: ResultsArgument,
    candidates: CandidatesOption,
    output: Annotated[Path, typer.Option(help="Target JSON: the results, repeats with negative confidence.")],
    decisions: Annotated[
        Path | None, typer.Option(help="What the review page saved; without it, all are removed.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Strike out the candidates that were not kept: their confidence becomes negative."""
    from treeline.detections.repeats.remove import remove_repeats

    remove_repeats(results, candidates, decisions, output)
