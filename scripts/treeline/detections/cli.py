"""`treeline detections`: what people do with detector results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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


@app.command("preview")
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
