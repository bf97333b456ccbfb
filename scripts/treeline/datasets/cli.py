"""`treeline datasets`: the commands of this stage. Those that make metadata, which the rules call, are here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treeline.datasets import cli_encodings, cli_splits
from treeline.datasets.app import app
from treeline.logs import LogOption

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata

__all__ = ["app", "cli_encodings", "cli_splits"]

DescriptionArgument = Annotated[
    Path, typer.Argument(help="The dataset's description, YAML; its name is the dataset's.", show_default=False)
]
PreviousOption = Annotated[Path, typer.Option(help="metadata.h5 of the step before.", show_default=False)]
OutputOption = Annotated[
    Path, typer.Option(help="Target folder of the step; written whole or not at all.", show_default=False)
]


@app.command("plan")
def plan(
    description: DescriptionArgument,
    output: Annotated[Path, typer.Option(help="Target folder: a JSON file a part of it.", show_default=False)],
    log: LogOption = None,
) -> None:
    """Write the parts of a description, so that a step is done anew when its own part has changed."""
    from treeline.datasets.plan import write_plan

    write_plan(description, output)


@app.command("source")
def source(
    description: DescriptionArgument,
    output: OutputOption,
    table: Annotated[
        Path | None, typer.Option(help="The answer of the source's query, where it has one.", show_default=False)
    ] = None,
    log: LogOption = None,
) -> None:
    """List the samples of the source, with their labels: the first metadata.h5."""
    from treeline.datasets.build import write_source

    _print_size(output, write_source(description, output, table))


@app.command("measure")
def measure(
    description: DescriptionArgument,
    previous: PreviousOption,
    output: OutputOption,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 2,
    log: LogOption = None,
) -> None:
    """Measure all samples: sizes, statistics of the channels, times, places on the ground, hashes."""
    from treeline.datasets.build import write_measured

    _print_size(output, write_measured(previous, description, output, threads=threads))


@app.command("step")
def step(
    description: DescriptionArgument,
    previous: PreviousOption,
    output: OutputOption,
    number: Annotated[int, typer.Option(min=1, help="Which of the description's steps.", show_default=False)],
    log: LogOption = None,
) -> None:
    """Do one step of cleaning; what it drops stands in dropped.csv, with the reason."""
    from treeline.datasets.build import write_step

    left, dropped = write_step(previous, description, number, output)
    typer.echo(f"{output}: {len(left):,} samples, {len(dropped):,} dropped")


@app.command("finish")
def finish(
    previous: PreviousOption,
    splits: Annotated[Path, typer.Option(help="Parquet of id and split.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Target metadata.h5; whole or absent.", show_default=False)],
    log: LogOption = None,
) -> None:
    """Write the dataset's own metadata.h5: the last step's tables, with the splits."""
    from treeline.datasets.build import write_finished

    _print_size(output, write_finished(previous, splits, output))


def _print_size(output: Path, metadata: Metadata) -> None:
    classes = f" of {len(metadata.class_names):,} classes" if metadata.class_names else ""
    typer.echo(f"{output}: {len(metadata):,} samples{classes}")
