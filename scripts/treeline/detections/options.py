"""Options that several commands of `treeline detections` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from treeline.detections.thresholds import Thresholds

ResultsArgument = Annotated[Path, typer.Argument(help="Detector results.")]
ImagesOption = Annotated[
    list[Path],
    typer.Option(
        help="Images: a .tar or .tar.gz, or a folder of images and of such archives, at any depth; repeatable."
    ),
]
LocationsOption = Annotated[
    Path | None, typer.Option(help="CSV or Parquet with columns file and location; without it, the image's folder.")
]
LevelsUpOption = Annotated[
    int, typer.Option(min=0, help="Folders next to an image that are not part of its location, such as 100RECNX.")
]
OneLocationOption = Annotated[bool, typer.Option("--one-location", help="All images are of one camera.")]
ThresholdOption = Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence that counts.")]
CategoryThresholdOption = Annotated[
    list[str] | None, typer.Option(help="A category's own threshold, such as person=0.5; repeatable.")
]


def thresholds_of(default: float, assignments: Sequence[str] | None) -> Thresholds:
    """Read the options `--threshold` and `--category-threshold`.

    Raises:
        typer.BadParameter: A value is no number from 0 to 1.
    """
    by_category = {}
    for category, text in assigned(assignments, "--category-threshold").items():
        try:
            by_category[category] = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is no number", param_hint="--category-threshold") from None
        if not 0 <= by_category[category] <= 1:
            raise typer.BadParameter(f"{text} is not from 0 to 1", param_hint="--category-threshold")
    return Thresholds(default, by_category)


def assigned(assignments: Sequence[str] | None, option: str) -> dict[str, str]:
    """Read values such as `name=value` of an option; a value has no `=`, a name may.

    Raises:
        typer.BadParameter: A value is of another form, or a name is there twice.
    """
    read: dict[str, str] = {}
    for assignment in assignments or ():
        name, separator, value = assignment.rpartition("=")
        if not (separator and name and value):
            raise typer.BadParameter(f"{assignment!r} is not of the form NAME=VALUE", param_hint=option)
        if read.setdefault(name, value) != value:
            raise typer.BadParameter(f"{name!r} is there twice", param_hint=option)
    return read
