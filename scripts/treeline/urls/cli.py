"""`treeline urls`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption

app = typer.Typer(no_args_is_help=True)


@app.callback()
def stage() -> None:
    """Keep the verbs as subcommands even while there is only one."""


@app.command()
def partition(
    input: Annotated[str, typer.Option(help="Table of URLs: file, folder, glob or Darwin Core archive.")],
    output_folder: Annotated[Path, typer.Option(help="Folder of the batches.")],
    initializer: Annotated[str, typer.Option(help="Name of an initializer, or a SQL file.")] = "plain",
    data_source: Annotated[
        list[str] | None, typer.Option(help="tol_general: a data_source to keep; repeatable.")
    ] = None,
    excluded_server: Annotated[list[str] | None, typer.Option(help="Server to leave out; repeatable.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Most URLs in a batch.")] = 10_000,
    memory_mb: Annotated[int, typer.Option(min=256, help="Memory in MiB.")] = 4096,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Write every URL of the input into a batch of its server, or into rejected.parquet with the reason."""
    from treeline.urls.partition import partition_urls

    partition_urls(
        input,
        output_folder,
        initializer,
        data_sources=data_source or [],
        excluded_servers=excluded_server or [],
        batch_size=batch_size,
        memory_mb=memory_mb,
        threads=threads,
    )
