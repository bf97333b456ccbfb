"""`treeline models predict` and `treeline models classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.choices import MAX_PIXELS
from treeline.logs import LogOption
from treeline.models.app import app
from treeline.options import MarginOption, MaxPixelsOption, SquareOption

ModelArgument = Annotated[
    Path, typer.Argument(help="ONNX file that `treeline models export` has written.", show_default=False)
]
BatchSizeOption = Annotated[int, typer.Option(min=1, help="Images that the model sees at once.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Most threads that the model computes with.")]


@app.command("predict")
def predict(
    model: ModelArgument,
    sources: Annotated[
        list[Path],
        typer.Argument(help="Images: folders, .tar or .tar.gz archives, Parquet shards.", show_default=False),
    ],
    output: Annotated[Path, typer.Option(help="The table: .parquet or .csv.", show_default=False)],
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Columns of so many best classes, in place of a probability of each class."),
    ] = None,
    batch_size: BatchSizeOption = 32,
    threads: ThreadsOption = 1,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Say of each image what a model makes of it, with onnxruntime alone."""
    from treeline.models.predict.predict import PredictOptions, predict
    from treeline.models.predict.table_file import CSV, PARQUET

    if output.suffix not in (CSV, PARQUET):
        raise typer.BadParameter(f"{output} ends neither in {PARQUET} nor in {CSV}", param_hint="--output")
    counts = predict(model, sources, output, PredictOptions(top, batch_size, threads, max_pixels))
    typer.echo(f"{output}: {counts.predictions} images; {counts.failures} cannot be predicted")


@app.command("classify")
def classify(
    model: ModelArgument,
    detections: Annotated[Path, typer.Option(help="Detector results.", show_default=False)],
    images: Annotated[
        list[Path],
        typer.Option(
            help="Their images: a folder, a .tar or .tar.gz archive, a Parquet shard; repeatable.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option(help="The same results with classes.", show_default=False)],
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest confidence of a detection that is classified.")
    ] = 0.2,
    category: Annotated[
        list[str] | None, typer.Option(help="Classify only detections of this category; repeatable.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Most classes that a detection is given.")] = 5,
    square: SquareOption = False,
    margin: MarginOption = 0.0,
    batch_size: BatchSizeOption = 32,
    threads: ThreadsOption = 1,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Say what each detection shows, and write that into the detector's results."""
    from treeline.models.predict.classify import ClassifyOptions, classify_detections

    categories = frozenset(category) if category else None
    options = ClassifyOptions(threshold, categories, top, margin, square, batch_size, threads, max_pixels)
    counts = classify_detections(model, detections, images, output, options)
    typer.echo(
        f"{output}: {counts.detections} detections of {counts.images} images are classified; "
        f"{counts.failures} images cannot be read"
    )
