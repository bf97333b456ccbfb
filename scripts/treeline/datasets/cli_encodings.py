"""`treeline datasets encode, convert, push, pull`: a dataset's forms, and where it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.config_datasets import EncodingName, EncodingOptions
from treeline.datasets.app import app
from treeline.logs import LogOption

HeightOption = Annotated[int | None, typer.Option(min=1, help="Pixels that each image is brought to; with --width.")]
WidthOption = Annotated[int | None, typer.Option(min=1, help="Pixels that each image is brought to; with --height.")]
PixelsOption = Annotated[bool, typer.Option("--pixels", help="hdf5: store decoded pixels instead of encoded bytes.")]
ShardOption = Annotated[int, typer.Option(min=1, help="tar: most samples in an archive.")]


@app.command()
def encode(
    metadata: Annotated[Path, typer.Option(help="The dataset's metadata.h5.")],
    kind: Annotated[EncodingName, typer.Option(help="Form in which it is written.")],
    output: Annotated[Path, typer.Option(help="Target file or folder; replaced.")],
    height: HeightOption = None,
    width: WidthOption = None,
    pixels: PixelsOption = False,
    shard_samples: ShardOption = 1000,
    log: LogOption = None,
) -> None:
    """Write a dataset in one of its forms, which stands on its own."""
    from treeline.io.datasets.encodings import write_encoding
    from treeline.io.datasets.metadata import read_metadata
    from treeline.io.datasets.samples import read_samples

    tables = read_metadata(metadata)
    write_encoding(tables, read_samples(tables), output, _options(kind, height, width, pixels, shard_samples))
    typer.echo(f"{output}: {len(tables):,} samples")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A dataset that is encoded.", show_default=False)],
    target: Annotated[Path, typer.Argument(help="File or folder; replaced.", show_default=False)],
    kind: Annotated[EncodingName | None, typer.Option(help="Form of TARGET. [default: as its name says]")] = None,
    height: HeightOption = None,
    width: WidthOption = None,
    pixels: PixelsOption = False,
    shard_samples: ShardOption = 1000,
    log: LogOption = None,
) -> None:
    """Write an encoded dataset in another form."""
    from treeline.datasets.convert import convert as convert_dataset
    from treeline.datasets.convert import kind_of

    options = _options(kind or kind_of(target), height, width, pixels, shard_samples)
    typer.echo(f"{target}: {convert_dataset(source, target, options):,} samples")


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="A dataset's folder.", show_default=False)],
    url: Annotated[
        str,
        typer.Argument(help="Where to: s3://BUCKET/..., or s3:// for a bucket named as FOLDER.", show_default=False),
    ],
    log: LogOption = None,
) -> None:
    """Bring a mirror of a dataset's folder up to date: only what differs is sent, and a killed push goes on."""
    from treeline.datasets.mirror import push as push_folder

    typer.echo(f"{url}: {push_folder(folder, url)}")


@app.command()
def pull(
    url: Annotated[str, typer.Argument(help="What `push` has written to.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="Target folder; what is there already stays.", show_default=False)],
    log: LogOption = None,
) -> None:
    """Bring a folder up to date with a mirror: only what differs is fetched, and every file is checked."""
    from treeline.datasets.mirror import pull as pull_folder

    typer.echo(f"{folder}: {pull_folder(url, folder)}")


def _options(
    kind: EncodingName, height: int | None, width: int | None, pixels: bool, shard_samples: int
) -> EncodingOptions:
    if (height is None) != (width is None):
        raise typer.BadParameter("both or neither.", param_hint="--height and --width")
    size = None if height is None or width is None else [height, width]
    return EncodingOptions(kind=kind, size=size, pixels=pixels, shard_samples=shard_samples)
