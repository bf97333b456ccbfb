"""`treeline urls`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.options import DEFAULT_CONFIG, ConfigOption

app = typer.Typer(no_args_is_help=True)


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


@app.command()
def diff(
    config: ConfigOption = DEFAULT_CONFIG,
    input: Annotated[str | None, typer.Option(help="The new table, if it is not the configured one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the changed rows here, .parquet or .csv.")] = None,
    memory_mb: Annotated[int, typer.Option(min=256, help="Memory in MiB.")] = 4096,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Show which rows a table would add to the batches, which are there, and which it no longer has."""
    from treeline.console import new_table, open_console
    from treeline.settings import paths_of, read_settings_file
    from treeline.urls.diff import compare_urls

    settings = read_settings_file(config)
    difference = compare_urls(
        input or settings.path_to_input,
        paths_of(settings).urls,
        settings.initializer_type,
        data_sources=settings.initializer_parameters.data_sources,
        excluded_servers=settings.initializer_parameters.excluded_servers,
        changes=out,
        memory_mb=memory_mb,
        threads=threads,
    )
    servers = new_table("Rows that would be added, are kept, and are no longer there")
    for name in ("server", "added", "kept", "removed"):
        servers.add_column(name, justify="left" if name == "server" else "right", overflow="fold")
    for server in (*difference.servers, difference.total):
        servers.add_row(*map(str, server))
    rejected = new_table("Rows that no batch can take")
    rejected.add_column("reason")
    rejected.add_column("rows", justify="right")
    for reason, rows in difference.rejected.items():
        rejected.add_row(reason, str(rows))
    console = open_console()
    console.print(servers)
    if difference.rejected:
        console.print(rejected)
