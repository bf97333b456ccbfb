"""`treeline catalog detector-set`, `crops` and `huggingface`: datasets that people train with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from treeline.catalog.cli_options import CatalogArgument, MemoryOption, ThreadsOption
from treeline.choices import MAX_PIXELS
from treeline.logs import LogOption
from treeline.options import ArchiveCropsOption, CropQualityOption, MarginOption, MaxPixelsOption, SquareOption

if TYPE_CHECKING:
    from treeline.catalog.training.images import ImageSource

app = typer.Typer()

OutputOption = Annotated[Path, typer.Option(help="Target folder; written whole or not at all.", show_default=False)]
LookupOption = Annotated[
    Path | None, typer.Option(help="Parquet with dataset and file: a query's result. [default: all images]")
]
ImagesOption = Annotated[
    list[str] | None,
    typer.Option(
        help="[DATASET=]PATH of images: a folder, a .tar or .tar.gz, or a shard's .parquet; repeatable.",
        show_default=False,
    ),
]
ConfidenceOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Use a detector's boxes from this confidence on, where no person drew any. [default: no detector's]",
    ),
]


@app.command("detector-set")
def detector_set(
    catalog: CatalogArgument,
    output: OutputOption,
    lookup: LookupOption = None,
    images: ImagesOption = None,
    placement: Annotated[
        Literal["copy", "link", "none"],
        typer.Option(
            help="What becomes of the images; a trainer that mends images in place changes what links lead to."
        ),
    ] = "copy",
    confidence: ConfidenceOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Make a detector's training set: images and boxes, as YOLO and COCO datasets."""
    from treeline.catalog.training.choice import Choice
    from treeline.catalog.training.detector_set import DetectorSetOptions, make_detector_set
    from treeline.console import print_counts

    options = DetectorSetOptions(Choice(lookup, confidence), image_sources(images), placement)
    made = make_detector_set(catalog, output, options, memory_mb=memory_mb, threads=threads)
    columns = ("split", "images without boxes", "boxes", "images")
    print_counts(
        "Images", columns, [(split, empty, boxes, count) for split, (count, empty, boxes) in made.splits.items()]
    )
    _print_dropped(made.dropped)


@app.command("crops")
def crops(
    catalog: CatalogArgument,
    output: OutputOption,
    images: ImagesOption = None,
    lookup: LookupOption = None,
    labels: Annotated[
        Path | None, typer.Option(help="YAML: which classes become which label. [default: each class is a label]")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Cut out this category; repeatable. [default: animal]")
    ] = None,
    confidence: ConfidenceOption = None,
    val: Annotated[float, typer.Option(min=0, max=1, help="Wanted share of each label's crops for validation.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="The same for testing.")] = 0.1,
    seed: Annotated[
        int, typer.Option(min=0, help="Another one draws other crops, and places locations otherwise.")
    ] = 0,
    square: SquareOption = False,
    margin: MarginOption = 0.0,
    archive_crops: ArchiveCropsOption = 10_000,
    jpeg_quality: CropQualityOption = 90,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Make a classifier's training set: boxes cut out, with labels, in splits that share no location."""
    from treeline.catalog.training.choice import Choice
    from treeline.catalog.training.crop_set import CropSetOptions, make_crop_set
    from treeline.console import print_counts

    if val + test >= 1:
        raise typer.BadParameter("--val and --test leave nothing for training", param_hint="--val")
    if not images:
        raise typer.BadParameter("crops are cut out of images: say where they are", param_hint="--images")
    options = CropSetOptions(
        choice=Choice(lookup, confidence),
        sources=image_sources(images),
        labels=labels,
        categories=category or ["animal"],
        shares=(1 - val - test, val, test),
        seed=seed,
        margin=margin,
        square=square,
        archive_crops=archive_crops,
        jpeg_quality=jpeg_quality,
        max_pixels=max_pixels,
    )
    made = make_crop_set(catalog, output, options, memory_mb=memory_mb, threads=threads)
    columns = ("label", "split", "share", "locations", "crops")
    rows = [(label, split, f"{share:.1%}", locations, count) for label, split, count, share, locations in made.shares]
    print_counts(f"Crops of {made.images:,} images", columns, rows)
    _print_dropped(made.dropped)


@app.command("huggingface")
def huggingface(
    catalog: CatalogArgument,
    output: OutputOption,
    title: Annotated[str, typer.Option(help="Title of the dataset card.", show_default=False)],
    lookup: LookupOption = None,
    images: ImagesOption = None,
    confidence: ConfidenceOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Write a folder that `datasets.load_dataset` loads, with a card; without --images, one without the images."""
    from treeline.catalog.exports.huggingface import HuggingFaceOptions, export
    from treeline.catalog.training.choice import Choice

    options = HuggingFaceOptions(Choice(lookup, confidence), image_sources(images), title)
    dropped = export(catalog, output, options, memory_mb=memory_mb, threads=threads)
    typer.echo(f"{output}: written")
    _print_dropped(dropped)


def image_sources(texts: Sequence[str] | None) -> list[ImageSource]:
    """Read the values of `--images`; what is the path of something is a path, whatever is in its name."""
    from treeline.catalog.training.images import ImageSource

    sources = []
    for text in texts or ():
        dataset, separator, path = text.partition("=")
        is_path = not separator or Path(text).exists()
        sources.append(ImageSource(Path(text), None) if is_path else ImageSource(Path(path), dataset))
    return sources


def _print_dropped(dropped: Mapping[str, int]) -> None:
    from treeline.console import print_counts

    if dropped:
        print_counts("Left out, see dropped.csv", ("reason", "images"), sorted(dropped.items()))
