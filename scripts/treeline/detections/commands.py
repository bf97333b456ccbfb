"""Commands of `treeline detections` that look at images, sequences or the truth; `cli` has those on files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from treeline.choices import MAX_PIXELS, SEQUENCE_GAP_SECONDS
from treeline.detections.locations import LocationRule
from treeline.detections.options import (
    CategoryThresholdOption,
    ImagesOption,
    LevelsUpOption,
    LocationsOption,
    OneLocationOption,
    ResultsArgument,
    ThresholdOption,
    assigned,
    thresholds_of,
)
from treeline.detections.thresholds import TYPICAL_THRESHOLD
from treeline.logs import LogOption
from treeline.options import ArchiveCropsOption, CropQualityOption, MarginOption, MaxPixelsOption, SquareOption


def smooth(
    results: ResultsArgument,
    output: Annotated[Path, typer.Option(help="Target JSON: the smoothed results.")],
    locations: LocationsOption = None,
    levels_up: LevelsUpOption = 0,
    one_location: OneLocationOption = False,
    categories: Annotated[bool, typer.Option("--categories", help="Smooth animal and vehicle too.")] = False,
    gap_seconds: Annotated[float, typer.Option(min=0, help="Longest gap within a sequence.")] = SEQUENCE_GAP_SECONDS,
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
    from treeline.console import open_console
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
    typer.echo(f"{output}: measures.csv, curves.csv, curves.svg, report.json")


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
    from treeline.console import print_counts
    from treeline.detections.sort import sort_images

    counts = sort_images(results, images, output, way=by, thresholds=thresholds_of(threshold, category_threshold))
    print_counts("Images sorted", ("folder", "images"), [(folder, count) for folder, count in sorted(counts.items())])


def crop(
    results: ResultsArgument,
    images: ImagesOption,
    output: Annotated[Path, typer.Option(help="Folder for the archives, crops.csv and left_out.csv.")],
    dataset: Annotated[str, typer.Option(help="What crops.csv calls the data set.")],
    category: Annotated[list[str] | None, typer.Option(help="Cut out only this category; repeatable.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Ground truth whose labels the crops take. [default: the categories]")
    ] = None,
    square: SquareOption = False,
    margin: MarginOption = 0.0,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the locations for validation.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the locations for testing.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another one draws other locations.")] = 0,
    archive_crops: ArchiveCropsOption = 10_000,
    jpeg_quality: CropQualityOption = 90,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    threshold: ThresholdOption = TYPICAL_THRESHOLD,
    category_threshold: CategoryThresholdOption = None,
    locations: LocationsOption = None,
    log: LogOption = None,
) -> None:
    """Cut detections out into archives for training a classifier, split by location."""
    from treeline.console import print_counts
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


def preview(
    results: Annotated[Path, typer.Argument(help="Detector results: a file, or Treeline's folder with one a shard.")],
    images: Annotated[Path, typer.Argument(help="Their images: a folder, an archive, or Treeline's decoded shards.")],
    output: Annotated[Path, typer.Option(help="Target folder; open the index.html in it.")],
    threshold: Annotated[float, typer.Option(min=0.01, max=0.99, help="Confidence that the slider starts at.")] = 0.2,
    sample: Annotated[int, typer.Option(min=1, help="Most images of each category and confidence band.")] = 100,
    seed: Annotated[int, typer.Option(help="Another one draws other images.")] = 0,
    persons: Annotated[
        Literal["show", "blur", "withhold"], typer.Option(help="What happens to persons, or images with them.")
    ] = "show",
    person_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Confidence from which persons are blurred or withheld.")
    ] = 0.1,
    longest_side: Annotated[int, typer.Option(min=1, help="Of the images in full size, in pixels.")] = 1600,
    threads: Annotated[int, typer.Option(min=1, help="Images that are worked on at once.")] = 1,
    log: LogOption = None,
) -> None:
    """Make a gallery of a sample, with boxes and a threshold slider, that opens from a disk or in a report."""
    from treeline.detections.preview.write import PreviewOptions, write_preview

    options = PreviewOptions(threshold, sample, seed, persons, person_threshold, longest_side, threads)
    write_preview(results, images, output, options)
