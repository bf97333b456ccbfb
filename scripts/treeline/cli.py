"""The command line: `treeline <stage> <verb>`.

A stage's commands live in its folder's `cli.py`, which is imported for them alone, and which imports what is heavy
(torch, duckdb, pyarrow, the configuration's models) only inside a command: `treeline urls` never waits for torch.
Errors that a user can mend are printed without a traceback.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from treeline import (
    __version__,
    analyze,
    catalog,
    datasets,
    decode,
    detect,
    detections,
    download,
    extract,
    lookup,
    models,
    report,
    tools,
    urls,
)
from treeline.catalog import cli_query
from treeline.costs import log_costs
from treeline.errors import NO_ROOM, TreelineError
from treeline.options import DEFAULT_CONFIG, ConfigOption

USER_ERROR = 2
INTERRUPTED = 130


class Stage(TyperGroup):
    """A stage's commands, which are imported once one of them is called: every job starts with those of its stage."""

    def load(self) -> None:
        """Bring the commands in."""
        self.commands.update(get_group(import_module(f"treeline.{self.name}.cli").app).commands)

    def make_context(self, *args: Any, **keywords: Any) -> Any:
        """Bring the commands in before the rest of the command line is read."""
        self.load()
        return super().make_context(*args, **keywords)


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Treeline: from a table of image URLs to a collection. Commands that a stage's Snakemake rules call.",
)
config_app = typer.Typer(no_args_is_help=True, help="Check the configuration and make its reference.")
for stage in (
    *(urls, download, tools, decode, detect, detections, lookup, extract, catalog, datasets, analyze, models, report),
):
    app.add_typer(
        typer.Typer(cls=Stage, no_args_is_help=True),
        name=stage.__name__.rpartition(".")[2],
        help=(stage.__doc__ or "").partition("\n")[0],
    )
app.add_typer(config_app, name="config")
app.command(context_settings=cli_query.CONTEXT)(cli_query.query)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Print the version when asked."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show what is done, what runs, what is left and what failed, and what to run next."""
    from treeline.settings import read_settings_file
    from treeline.status_report import print_status

    print_status(read_settings_file(config), config, as_json=as_json)


@app.command()
def watch(
    config: ConfigOption = DEFAULT_CONFIG,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON at each look.")] = False,
    prometheus: Annotated[
        Path | None, typer.Option(help="Write a .prom file at each look, for the textfile collector of node_exporter.")
    ] = None,
) -> None:
    """Show live what runs, how fast, what failed, and when it will be done, until all is done; rows are not counted."""
    from treeline.settings import read_settings_file
    from treeline.watch import watch as watch_collection

    watch_collection(read_settings_file(config), config, every, as_json=as_json, prometheus=prometheus)


@app.command()
def errors(
    config: ConfigOption = DEFAULT_CONFIG,
    server: Annotated[list[str] | None, typer.Option(help="Only this server (host[:port]); repeatable.")] = None,
    code: Annotated[list[int] | None, typer.Option(help="Only this error_code; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show which images failed and why, by server, code and message, with examples and what to do."""
    from treeline.failures import group_failures
    from treeline.failures_report import print_failures
    from treeline.settings import read_settings_file
    from treeline.status import open_output

    print_failures(group_failures(open_output(read_settings_file(config)), server or (), code or ()), as_json=as_json)


@app.command()
def credits(
    what: Annotated[
        Path | None,
        typer.Argument(help="Whose: a table with uuid or file, or a folder of a group or dataset; all images without."),
    ] = None,
    out: Annotated[list[Path] | None, typer.Option(help="Target: .csv, .parquet, .json, .txt, .md or .html.")] = None,
    unlicensed: Annotated[Path | None, typer.Option(help="Target: images that lack a licence or a creator.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    memory_mb: Annotated[int, typer.Option(min=512, help="Memory to work in, in MiB.")] = 2048,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 2,
) -> None:
    """Credit those who made images: by whom, under which licence, from where; --out, repeatable, writes files."""
    from treeline.credits_report import report_credits
    from treeline.settings import paths_of, read_settings_file

    paths = paths_of(read_settings_file(config))
    report_credits(what, paths, out or [], unlicensed, memory_mb=memory_mb, threads=threads)


@config_app.command("check")
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check a configuration without running anything."""
    from treeline.settings import read_settings_file

    read_settings_file(config)
    typer.echo(f"{config}: good")


@config_app.command("write-reference")
def write_reference(folder: Annotated[Path, typer.Option(help="The repository's folder.")] = Path()) -> None:
    """Write config/schema.json, config/README.md, docs/models-experiments.md and docs/files.md anew."""
    from treeline import config_reference

    config_reference.write_reference(folder)


def main() -> None:
    """Run a command; the entry point of `treeline`."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # or NumPy starts one for each core, and none is used
    try:
        app()
    except SystemExit as end:
        if not end.code:
            log_costs()
        raise
    except TreelineError as error:
        logging.getLogger("treeline").error("%s", error)
        sys.exit(USER_ERROR)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        logging.getLogger("treeline").error("%s. Nothing is half-written: make room, and run the same again.", error)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
