"""`treeline detections`: what people do with detector results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from treeline.config import DownloaderParameters
from treeline.console import open_console
from treeline.detections.options import (
    CategoryThresholdOption,
    ImagesOption,
    LocationsOption,
    ResultsArgument,
    ThresholdOption,
    assigned,
    thresholds_of,
)
from treeline.detections.printing import print_counts
from treeline.detections.thresholds import TYPICAL_THRESHOLD
from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)

MAX_PIXELS = DownloaderParameters().max_image_pixels


@app.command("validate")
def validate(results: Annotated[list[Path], typer.Argument(help="Detector results.")], log: LogOption = None) -> None:
    """Check files of results, and print what each holds."""
    from treeline.detections.read import read_results

    for file in results:
        content = read_results(file)
        failed = sum(image["detections"] is None for image in content["images"])
        detections = sum(len(image["detections"] or ()) for image in content["images"])
        typer.echo(f"{file}: good; {len(content['images'])} images, {failed} of them failed, {detections} detections")


@app.command("evaluate")
def evaluate(
    results: ResultsArgument,
    truth: Annotated[Path, typer.Option(help="COCO or CCT .json, or .csv with the columns file, label[, location].")],
    output: Annotated[Path, typer.Option(help="Folder for report.json, measures.csv, curves.csv and curves.svg.")],
    by: Annotated[
        Literal["box", "image"] | None,
        typer.Option(help="Compare boxes, or labels of images. [default: box, if the truth has any]"),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="What a label counts as: deer=animal, blank=empty, unknown=ignore, '*=animal'; repeatable."),
    ] = None,
    threshold: ThresholdOption = TYPICAL_THRESHOLD,
    category_threshold: CategoryThresholdOption = None,
    locations: LocationsOption = None,
    log: LogOption = None,
) -> None:
    """Compare with ground truth: precision, recall and average precision, by category and location."""
    from treeline.detections.evaluate import evaluate as evaluate_results
    from treeline.detections.evaluation_report import tables_of, write_evaluation
    from treeline.detections.locations import read_locations

    evaluation = evaluate_results(
        results,
        truth,
        by=by,
        labels=assigned(label, "--label"),
        locations=read_locations(locations) if locations else None,
        thresholds=thresholds_of(threshold, category_threshold),
    )
    write_evaluation(output, evaluation, results, truth)
    console = open_console()
    for table in tables_of(evaluation):
        console.print(table)


@app.command("sort")
def sort(
    results: ResultsArgument,
    images: ImagesOption,
    output: Annotated[Path, typer.Option(help="Folder that is made, with a folder or archive for each kind.")],
    by: Annotated[
        Literal["copy", "symlink", "hardlink", "tar"], typer.Option(help="How images get there; tar makes archives.")
    ] = "copy",
    threshold: ThresholdOption = TYPICAL_THRESHOLD,
    category_threshold: CategoryThresholdOption = None,
    log: LogOption = None,
) -> None:
    """Sort images into animal, person, vehicle, animal_person, ..., empty and failed."""
    from treeline.detections.sort import sort_images

    counts = sort_images(results, images, output, way=by, thresholds=thresholds_of(threshold, category_threshold))
    print_counts("Images sorted", ("folder", "images"), [(folder, count) for folder, count in sorted(counts.items())])


@app.command("crop")
def crop(
    results: ResultsArgument,
    images: ImagesOption,
    output: Annotated[Path, typer.Option(help="Folder for the archives, crops.csv and left_out.csv.")],
    dataset: Annotated[str, typer.Option(help="What crops.csv calls the data set.")],
    category: Annotated[list[str] | None, typer.Option(help="Cut out only this category; repeatable.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Ground truth whose labels the crops take. [default: the categories]")
    ] = None,
    square: Annotated[bool, typer.Option(help="Make crops square; what is beyond the image is black.")] = False,
    margin: Annotated[float, typer.Option(min=0, help="Added on each side, as a share of the longer side.")] = 0.0,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the locations for validation.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the locations for testing.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another one draws other locations.")] = 0,
    archive_crops: Annotated[int, typer.Option(min=1, help="Most crops in an archive.")] = 10_000,
    jpeg_quality: Annotated[int, typer.Option(min=1, max=100, help="Quality of the crops.")] = 90,
    max_pixels: Annotated[int, typer.Option(min=1, help="Largest width x height that is decoded.")] = MAX_PIXELS,
    threshold: ThresholdOption = TYPICAL_THRESHOLD,
    category_threshold: CategoryThresholdOption = None,
    locations: LocationsOption = None,
    log: LogOption = None,
) -> None:
    """Cut detections out into archives for training a classifier, split by location."""
    from treeline.detections.crop import crop_detections
    from treeline.detections.crop_plan import CropOptions
    from treeline.detections.locations import read_locations
    from treeline.detections.splits import Shares
    from treeline.detections.truth import read_truth

    if val + test > 1:
        raise typer.BadParameter("--val and --test are more than 1 together", param_hint="--val")
    counts = crop_detections(
        results,
        images,
        output,
        truth=read_truth(labels, {}) if labels else None,
        locations=read_locations(locations) if locations else None,
        options=CropOptions(
            dataset=dataset,
            thresholds=thresholds_of(threshold, category_threshold),
            shares=Shares(val, test, seed),
            categories=frozenset(category) if category else None,
            margin=margin,
            square=square,
            archive_crops=archive_crops,
            jpeg_quality=jpeg_quality,
            max_pixels=max_pixels,
        ),
    )
    print_counts("Crops", ("split", "label", "crops"), [(*kind, count) for kind, count in sorted(counts.items())])
