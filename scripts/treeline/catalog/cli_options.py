"""Arguments and options that the commands of the catalogue share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CatalogArgument = Annotated[Path, typer.Argument(help="The catalogue, catalog.duckdb.", show_default=False)]
MemoryOption = Annotated[int, typer.Option(min=512, help="Memory to work in, in MiB.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Number of threads.")]
