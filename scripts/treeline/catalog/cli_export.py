"""`treeline catalog export`: write the catalogue in the formats of others, a command a format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from treeline.catalog.cli_options import CatalogArgument, MemoryOption, ThreadsOption
from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)

FolderArgument = Annotated[
    Path, typer.Argument(help="Folder to write, in place of one of this name; whole or not at all.", show_default=False)
]
FileArgument = Annotated[Path, typer.Argument(help="File to write, whole or not at all.", show_default=False)]
OneDatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="The data set; needed where the catalogue has several.")
]
DatasetOption = Annotated[list[str] | None, typer.Option(help="Only this data set; repeatable.")]


@app.command("megadb")
def megadb(
    catalog: CatalogArgument,
    folder: FolderArgument,
    dataset: DatasetOption = None,
    unhoist: Annotated[
        bool, typer.Option("--unhoist", help="Properties on the levels where their source had them.")
    ] = False,
    with_secrets: Annotated[bool, typer.Option("--with-secrets", help="Write each container_sas_key, too.")] = False,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """MegaDB JSON: sequences.json, datasets.json and splits.json."""
    how = {"is_unhoisted": unhoist, "with_secrets": with_secrets}
    write_export("megadb", catalog, folder, dataset, memory_mb, threads, **how)


@app.command("coco-camera-traps")
def coco_camera_traps(
    catalog: CatalogArgument,
    file: FileArgument,
    dataset: OneDatasetOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """COCO Camera Traps: one data set in one JSON file."""
    write_export("coco-camera-traps", catalog, file, _one(dataset), memory_mb, threads)


@app.command("camtrap-dp")
def camtrap_dp(
    catalog: CatalogArgument,
    folder: FolderArgument,
    dataset: OneDatasetOption = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Of times that have no offset, such as Europe/Brussels or +01:00.")
    ] = None,
    locations: Annotated[
        Path | None, typer.Option(help="A table with the columns location, latitude and longitude.")
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="JSON for datapackage.json, above all its contributors and project.")
    ] = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Camtrap DP 1.0.2: one data set as datapackage.json with deployments, media and observations."""
    how = {"time_zone": time_zone, "locations": locations, "metadata": metadata}
    write_export("camtrap-dp", catalog, folder, _one(dataset), memory_mb, threads, **how)


@app.command("lila")
def lila(
    catalog: CatalogArgument,
    file: FileArgument,
    dataset: DatasetOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """A CSV as LILA publishes it: a row for each image and label."""
    write_export("lila", catalog, file, dataset, memory_mb, threads)


@app.command("darwin-core")
def darwin_core(
    catalog: CatalogArgument,
    file: FileArgument,
    dataset: DatasetOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Darwin Core occurrences, CSV: a row for each sequence and kind of animal in it."""
    write_export("darwin-core", catalog, file, dataset, memory_mb, threads)


def write_export(
    format: str,
    catalog: Path,
    target: Path,
    datasets: Sequence[str] | None,
    memory_mb: int,
    threads: int,
    **options: Any,
) -> None:
    """Write the catalogue in a format of `exports.EXPORTS`, with `ExportOptions`, and print how many of what."""
    from treeline.catalog.database import open_to_read
    from treeline.catalog.exports import EXPORTS
    from treeline.catalog.exports.options import ExportOptions

    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection:
        written = EXPORTS[format](connection, target, ExportOptions(tuple(datasets or ()), **options))
    typer.echo(f"{target}: " + ", ".join(f"{count:,} {what}" for what, count in written.items()))


def _one(dataset: str | None) -> list[str]:
    return [] if dataset is None else [dataset]
