"""Command-line options that tell the location of an image; `locations.LocationRule` explains them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LocationTable = Annotated[
    Path | None, typer.Option(help="CSV or Parquet with columns file and location; without it, the image's folder.")
]
LevelsUp = Annotated[
    int, typer.Option(min=0, help="Folders next to an image that are not part of its location, such as 100RECNX.")
]
OneLocation = Annotated[bool, typer.Option("--one-location", help="All images are of one camera.")]
