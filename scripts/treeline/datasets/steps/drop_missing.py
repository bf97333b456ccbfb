"""Drop the samples whose image or mask is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from treeline.config_values import Block
from treeline.datasets.steps import Outcome

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata


class Options(Block):
    """None."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Drop what `measure` has not found."""
    from treeline.datasets.measure import MISSING

    additional = metadata.tables["additional"]
    found = additional[additional["problem"] == MISSING]
    return Outcome(metadata, dict(zip(found["id"].tolist(), found["problem"], strict=True)))
