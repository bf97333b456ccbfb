"""`treeline catalog browse`: look around in the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption


def browse(
    catalog: Annotated[Path, typer.Argument(help="The catalogue, catalog.duckdb.", show_default=False)],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, or Treeline's output folder.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Address to listen at; others can reach any but this machine's own.")] = (
        "127.0.0.1"
    ),
    memory_mb: Annotated[int, typer.Option(min=512, help="Memory to work in, in MiB.")] = 2048,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 2,
    log: LogOption = None,
) -> None:
    """Serve a page to look around: search, gallery, sequences, counts, map and times. Ctrl-C ends it."""
    from treeline.catalog.browse.serve import serve

    def announce(address: str) -> None:
        typer.echo(f"{catalog}: open {address} in a browser; Ctrl-C ends it")

    serve(catalog, images, host=host, port=port, memory_mb=memory_mb, threads=threads, announce=announce)
