"""Keep at most so many samples of each class, drawn by a seed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from treeline.config_values import Block
from treeline.datasets.steps import Outcome
from treeline.errors import InputError

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata


class Options(Block):
    """How many, and which."""

    maximum: int = Field(ge=1)
    """Most samples of a class."""
    seed: int = 0
    """Another one draws others."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Keep of each class the samples whose hash of seed and name is smallest: the same wherever and whenever.

    Raises:
        InputError: The samples do not have one label each.
    """
    if metadata.task != "multiclass":
        problem = f"a task {metadata.task} has not one label a sample."
        raise InputError(metadata.name, problem, field="limit_per_class")
    index = metadata.index

    def draw(name: str) -> str:
        return hashlib.md5(f"{options.seed}/{name}".encode(), usedforsecurity=False).hexdigest()

    drawn = index["image_path"].map(draw)
    place = drawn.groupby(index["label"]).rank(method="first")
    beyond = index[place > options.maximum]
    reasons = [f"beyond the maximum of {options.maximum} of its label {label}" for label in beyond["label"]]
    return Outcome(metadata, dict(zip(beyond["id"].tolist(), reasons, strict=True)))
