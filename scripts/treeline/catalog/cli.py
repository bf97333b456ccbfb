"""`treeline catalog`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treeline.catalog import cli_browse, cli_splits
from treeline.catalog.cli_check import app as check_app
from treeline.catalog.cli_export import app as export_app
from treeline.catalog.cli_options import CatalogArgument, MemoryOption, ThreadsOption
from treeline.catalog.cli_training import app as training_app
from treeline.logs import LogOption

if TYPE_CHECKING:
    from treeline.config_catalog_made import Splits

app = typer.Typer(no_args_is_help=True)
app.add_typer(check_app)
app.add_typer(export_app, name="export", help="Write the catalogue in another format.")
app.add_typer(training_app)


@app.command("ingest")
def ingest(
    catalog: CatalogArgument,
    path: Annotated[Path, typer.Argument(help="What to ingest: a file, or a folder.", show_default=False)],
    format: Annotated[str, typer.Option(help="What it is; docs/catalog.md lists the formats.")],
    name: Annotated[
        str | None,
        typer.Option(help="An ingest replaces what the last one of its name brought. [default: PATH's name]"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="The data set, where the format does not name it.")] = None,
    compat: Annotated[bool, typer.Option(help="Apply MegaDB's own rules alone.")] = False,
    boxes_complete: Annotated[bool, typer.Option(help="Images without boxes were looked at, and have none.")] = False,
    column: Annotated[
        list[str] | None, typer.Option(help="Of a table: what a column is, such as file=path or class=species.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="What a label is called in the catalogue: Rehwild='roe deer'; repeatable.")
    ] = None,
    locations: Annotated[
        Path | None, typer.Option(help="Of detector results: a table with the columns file and location.")
    ] = None,
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
        columns=_pairs("--column", column),
        labels=_pairs("--label", label),
        tables={} if locations is None else {"locations": locations},
    )
    done = ingest_source(catalog, source, memory_mb=memory_mb, threads=threads)
    change = "ingested" if done.is_new else "unchanged"
    others = f", {done.splits:,} locations in splits" if done.splits else ""
    counts = f"{done.sequences:,} sequences, {done.images:,} images, {done.boxes:,} boxes{others}"
    typer.echo(f"{source.name}: {counts} {change}")


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    for value in values or ():
        if "=" not in value.strip("="):
            raise typer.BadParameter(f"{value!r} is no NAME=VALUE.", param_hint=option)
    return dict(value.split("=", 1) for value in values or ())


@app.command("build")
def build(
    catalog: CatalogArgument,
    sources: Annotated[str, typer.Option(help="JSON: a list of sources; written by the rule.")],
    splits: Annotated[
        str | None,
        typer.Option(help="JSON: train, val, test and seed, as of `split`; written by the rule. [default: no splits]"),
    ] = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Bring a catalogue to hold these sources and no others, with splits; what is unchanged is not read again."""
    from treeline.catalog.ingest import build as build_catalog
    from treeline.catalog.sources import parse_sources
    from treeline.catalog.splits import draw_splits

    wanted = None if splits is None else _splits(splits)
    build_catalog(catalog, parse_sources(sources), memory_mb=memory_mb, threads=threads)
    if wanted is not None:
        shares = (wanted.train, wanted.val, wanted.test)
        draw_splits(catalog, (), shares=shares, seed=wanted.seed, memory_mb=memory_mb, threads=threads)


def _splits(text: str) -> Splits:
    from pydantic import ValidationError

    from treeline.config_catalog_made import Splits

    try:
        return Splits.model_validate_json(text)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"], param_hint="--splits") from None


@app.command("tables")
def tables(
    catalog: CatalogArgument,
    output: Annotated[Path, typer.Option(help="Target folder: a Parquet file a table.")],
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Write the tables as Parquet, for programs without DuckDB; secrets are left out."""
    from treeline.catalog.database import TABLES
    from treeline.catalog.parquet_tables import write_tables

    write_tables(catalog, output, memory_mb=memory_mb, threads=threads)
    typer.echo(f"{output}: {len(TABLES)} tables")


for command in (cli_splits.split, cli_splits.leakage, cli_browse.browse):
    app.command()(command)
