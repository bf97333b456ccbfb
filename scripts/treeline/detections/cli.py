"""`treeline detections`: what people do with detector results."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import typer

from treeline.detections import commands, repeats
from treeline.detections.repeats.cli import app as repeats_app
from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)

Results = Annotated[Path, typer.Argument(help="Detector results: JSON.")]
Output = Annotated[Path, typer.Option(help="Target; written whole or not at all.")]
Threshold = Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence that counts.")]


@app.command("validate")
def validate(results: Annotated[list[Path], typer.Argument(help="Detector results.")], log: LogOption = None) -> None:
    """Check files of results, and print what each holds; exits with 2 if any is not of the format."""
    from treeline.detections.validate import describe
    from treeline.errors import InputError

    refused = False
    for file in results:
        try:
            typer.echo(f"{file}: good; {describe(file)}")
        except InputError as error:
            refused = True
            logging.getLogger("treeline").error("%s", error)
    if refused:
        raise typer.Exit(2)


@app.command("merge")
def merge(
    results: Annotated[list[Path], typer.Argument(help="Detector results: files, or Treeline's folder of all shards.")],
    output: Output,
    log: LogOption = None,
) -> None:
    """Merge files of results, of distinct or the same images; categories are joined by name."""
    from treeline.detections.merge import merge_results
    from treeline.detections.shards import results_files

    report = merge_results([file for one in results for file in results_files(one)], output)
    several = report.images_read - report.images
    same = report.detections_read - report.detections
    typer.echo(
        f"{output}: {report.images} images, {report.detections} detections of {report.files} files; "
        f"{report.images_read} entries read, {several} of images that had one before, and "
        f"{report.detections_read} detections, {same} of them equal to another"
    )


@app.command("subset")
def subset(
    results: Results,
    output: Output,
    path: Annotated[
        list[str] | None, typer.Option(help="Keep images whose path fits, as in 'site_1/*'; *, ?, [ab]; repeatable.")
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="Keep detections of this category; repeatable.")] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep detections from this confidence up.")
    ] = None,
    min_size: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep boxes of at least this share of the image's area.")
    ] = None,
    max_size: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep boxes of at most this share of the image's area.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Keep some images by path, and of each the detections by category, confidence and size."""
    from treeline.detections.subset import Selection, subset_results

    selection = Selection(path or (), category or (), threshold, min_size, max_size)
    report = subset_results(results, output, selection)
    left_out = ", ".join(
        f"{count} by {reason}" for reason, count in sorted(report.detections_left_out.items()) if count
    )
    typer.echo(
        f"{output}: {report.images} images, {report.detections} detections; left out: "
        f"{report.images_left_out} images by path, detections: {left_out or 'none'}"
    )


@app.command("compare")
def compare(
    before: Annotated[Path, typer.Argument(help="Detector results.")],
    after: Annotated[Path, typer.Argument(help="Other results of the same images.")],
    iou: Annotated[
        float, typer.Option(min=0.01, max=1, help="Least intersection over union of two boxes that match.")
    ] = 0.5,
    threshold: Threshold = 0.2,
    threshold_after: Annotated[
        float | None, typer.Option(min=0, max=1, help="The same for AFTER.  [default: --threshold]")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Target JSON of all counts.")] = None,
    differing: Annotated[Path | None, typer.Option(help="Target CSV: images and categories that differ.")] = None,
    log: LogOption = None,
) -> None:
    """Count which detections of two results match, were lost and were gained, by category."""
    from treeline.detections.compare import compare_results, print_comparison, write_differing, write_report

    comparison = compare_results(
        before,
        after,
        iou=iou,
        threshold_before=threshold,
        threshold_after=threshold if threshold_after is None else threshold_after,
    )
    if report is not None:
        write_report(report, comparison)
    if differing is not None:
        write_differing(differing, comparison)
    print_comparison(comparison)


FormatName = Literal["results", "csv-long", "csv-wide", "coco", "yolo", "labelme"]


@app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(help="File or folder to convert.")],
    output: Output,
    to: Annotated[FormatName, typer.Option(help="Format of OUTPUT; yolo and labelme are folders.")] = "results",
    from_: Annotated[FormatName, typer.Option("--from", help="Format of SOURCE; not csv-wide.")] = "results",
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, for sizes and names that SOURCE lacks.")
    ] = None,
    licenses: Annotated[Path | None, typer.Option(help="CSV or Parquet: file (or uuid) and license, for COCO.")] = None,
    log: LogOption = None,
) -> None:
    """Convert results to CSV, COCO, YOLO or labelme, and back."""
    from treeline.detections.convert import Format
    from treeline.detections.convert import convert as convert_format

    report = convert_format(
        source, output, from_format=Format(from_), to_format=Format(to), images=images, licenses=licenses
    )
    typer.echo(
        f"{output}: {report.images - report.failed} of {report.images} images, "
        f"{report.detections - report.struck_out} of {report.detections} detections; left out: "
        f"{report.failed} images that failed, {report.struck_out} detections that are struck out"
    )


@app.command("hashes")
def hashes(
    images: Annotated[Path, typer.Argument(help="Folder of images.")],
    output: Annotated[Path, typer.Option(help="Target CSV: file, sha256.")],
    log: LogOption = None,
) -> None:
    """Write the SHA-256 of each image of a folder, for `rename` once they have been moved."""
    from treeline.detections.hashes import write_hashes

    typer.echo(f"{output}: {write_hashes(images, output)} images")


@app.command("rename")
def rename(
    results: Results,
    output: Output,
    before: Annotated[Path, typer.Option(help="Hashes from before the move, or a folder laid out as it was.")],
    after: Annotated[Path, typer.Option(help="Hashes from after the move, or the folder as it is now.")],
    unmatched: Annotated[
        Path | None, typer.Option(help="Target JSON for results whose image cannot be followed.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Have results follow images that were moved or renamed, by what the images hold."""
    from treeline.detections.rename import rename_results

    report = rename_results(results, output, before, after, unmatched)
    for name, reason in report.left_behind.items():
        logging.getLogger("treeline").warning("%r %s", name, reason)
    typer.echo(
        f"{output}: {report.stayed} images stayed, {report.moved} moved, {len(report.left_behind)} cannot be followed; "
        f"{report.without_results} images have no results"
    )


for command in (commands.smooth, commands.evaluate, commands.sort, commands.crop, commands.preview):
    app.command()(command)
app.add_typer(repeats_app, name="repeats", help=(repeats.__doc__ or "").partition("\n")[0])
