"""`treeline catalog`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.catalog.cli_export import app as export_app
from treeline.catalog.cli_options import CatalogArgument, MemoryOption, ThreadsOption
from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)
app.add_typer(export_app, name="export", help="Write the catalogue in another format.")


@app.command("ingest")
def ingest(
    catalog: CatalogArgument,
    path: Annotated[Path, typer.Argument(help="What to ingest: a file, or a folder.", show_default=False)],
    format: Annotated[str, typer.Option(help="megadb, coco-camera-traps.")],
    name: Annotated[
        str | None,
        typer.Option(help="An ingest replaces what the last one of its name brought. [default: PATH's name]"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The data set, where the format does not name it.")] = None,
    compat: Annotated[bool, typer.Option(help="Apply MegaDB's own rules alone.")] = False,
    boxes_complete: Annotated[bool, typer.Option(help="Images without boxes were looked at, and have none.")] = False,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Bring a source into the catalogue: all of it, or on an error nothing."""
    from treeline.catalog.ingest import ingest as ingest_source
    from treeline.catalog.sources import Source

    source = Source(
        name=name or path.stem,
        format=format,
        path=path,
        dataset=dataset,
        is_strict=not compat,
        boxes_complete=boxes_complete,
    )
    done = ingest_source(catalog, source, memory_mb=memory_mb, threads=threads)
    change = "ingested" if done.is_new else "unchanged"
    typer.echo(f"{source.name}: {done.sequences:,} sequences, {done.images:,} images, {done.boxes:,} boxes {change}")
