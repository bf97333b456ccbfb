"""`treeline query`: ask the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption

DEFAULT_CATALOG = Path("results/catalog/catalog.duckdb")
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""A query's parameters are options that this command knows of only when it knows the query."""


def query(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A named query; its parameters are options.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the named queries, with what they take.")] = False,
    sql: Annotated[str | None, typer.Option(help="A SELECT of your own, in DuckDB's SQL.")] = None,
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Print the SQL instead of running it.")] = False,
    out: Annotated[Path | None, typer.Option(help="Target: .parquet, .csv or .json.")] = None,
    catalog: Annotated[Path, typer.Option(help="The catalogue.")] = DEFAULT_CATALOG,
    memory_mb: Annotated[int, typer.Option(min=512, help="Memory to work in, in MiB.")] = 2048,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 2,
    log: LogOption = None,
) -> None:
    """Ask the catalogue a named query, or one in SQL; nothing can be changed by it."""
    from treeline.catalog.queries import QueryError, find_query

    if list_:
        _print_list()
        return
    parameters = [*([name] if name else []), *context.args] if sql is not None else context.args
    if sql is not None and parameters:
        raise QueryError(f"--sql takes neither a name nor parameters, found {parameters[0]}.")
    if sql is None and (name is None or name.startswith("-")):
        raise QueryError("give the name of a query first, or --sql. The names: treeline query --list.")
    values = _values(parameters)
    text = sql if sql is not None else find_query(str(name)).sql(values)
    unordered = find_query(name).sql(values, is_ordered=False) if name is not None else None
    if show_sql:
        typer.echo(text)
        return

    from treeline.catalog.reading import check_query, open_harmless

    with open_harmless(catalog, memory_mb=memory_mb, threads=threads) as connection:
        checked = check_query(connection, text)
        if "split" in values or "images_in_splits" in (sql or ""):
            from treeline.catalog.splits import warn_of_new_locations

            warn_of_new_locations(connection)
        if out is None:
            from treeline.catalog.answers import show_answer

            show_answer(connection, checked, unordered)
        else:
            from treeline.catalog.answer_files import write_answer

            typer.echo(f"{out}: {write_answer(connection, checked, out):,} rows")


def _values(arguments: Sequence[str]) -> dict[str, str]:
    """Read `--name value` and `--name=value`."""
    from treeline.catalog.queries import QueryError

    values: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, is_joined, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not name:
            raise QueryError(f"{argument}: expected a parameter such as --dataset.")
        joined = value if is_joined else next(rest, None)
        if joined is None:
            raise QueryError(f"{argument}: expected a value behind it.")
        if name in values:
            raise QueryError(f"--{name} is there twice.")
        values[name] = joined
    return values


def _print_list() -> None:
    from treeline.catalog.queries import all_queries

    for one in all_queries():
        typer.echo(f"{one.name}\n    {one.description}")
        for parameter in one.parameters:
            value = "required" if parameter.default is None else f"default: {parameter.default}"
            omitted = "" if parameter.default == "NULL" else f" [{value}]"
            typer.echo(f"    {parameter.option:15} {parameter.meaning}{omitted}")
