"""Command-line options that commands of several stages share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("config/config.yaml")

ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration that Snakemake runs with.")]
MaxPixelsOption = Annotated[int, typer.Option("--max-pixels", min=1, help="Largest width x height that is decoded.")]
