"""`treeline decode`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.choices import MAX_PIXELS, Archive, DecodedFormat
from treeline.logs import LogOption
from treeline.options import MaxPixelsOption

app = typer.Typer(no_args_is_help=True)

Format = Annotated[
    DecodedFormat, typer.Option("--format", help="jpeg, png, or stored: encoded images as they are, raw pixels as PNG.")
]
Quality = Annotated[int, typer.Option("--quality", min=1, max=100, help="Quality of JPEGs that are encoded here.")]


@app.command("shard")
def shard(
    successes: Annotated[Path, typer.Option(help="Parquet file with the images.")],
    archive: Annotated[Path, typer.Option(help="Target: .tar, .tar.gz, or a folder's name.")],
    undecodable: Annotated[Path, typer.Option(help="CSV of the rows that gave no image.")],
    image_format: Format = "stored",
    quality: Quality = 90,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    kept_by: Annotated[
        list[Path] | None, typer.Option(help="Verdicts of a tool on the shard: what they drop is left out; repeatable.")
    ] = None,
    log: LogOption = None,
) -> None:
    """Write the images of one shard into an archive."""
    from treeline.decode.shard import decode_shard

    decode_shard(
        successes,
        archive,
        undecodable,
        image_format=image_format,
        jpeg_quality=quality,
        max_pixels=max_pixels,
        kept_by=kept_by or (),
    )


@app.command("files")
def files(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A Parquet file, or a folder of them.")],
    folder: Annotated[Path, typer.Argument(metavar="OUTPUT_FOLDER", help="Where the archives go.")],
    archive: Annotated[Archive, typer.Option(help="Kind of archive that each file becomes.")] = "tar",
    image_format: Format = "stored",
    quality: Quality = 90,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Write the images of Parquet files of the download layout into an archive each."""
    from treeline.decode.files import decode_files

    report = decode_files(
        source, folder, archive=archive, image_format=image_format, jpeg_quality=quality, max_pixels=max_pixels
    )
    typer.echo(f"{report.rows} rows: {report.images} images, {report.undecodable} undecodable")
