"""Command-line options that commands of several stages share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("config/config.yaml")

ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration that Snakemake runs with.")]
MaxPixelsOption = Annotated[int, typer.Option(min=1, help="Largest width x height that is decoded.")]
SquareOption = Annotated[bool, typer.Option(help="Make crops square; what is beyond the image is black.")]
MarginOption = Annotated[float, typer.Option(min=0, help="Added on each side, as a share of the longer side.")]
ArchiveCropsOption = Annotated[int, typer.Option(min=1, help="Most crops in an archive.")]
CropQualityOption = Annotated[int, typer.Option(min=1, max=100, help="Quality of the crops.")]
