"""Drop the images whose bytes are those of an earlier one."""

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
    """Keep the first of each SHA-256."""
    index = metadata.index[metadata.index["sha256"] != ""]
    first = index.drop_duplicates("sha256").set_index("sha256")["image_path"]
    repeated = index[index["sha256"].duplicated()]
    reasons = "the same bytes as " + repeated["sha256"].map(first)
    return Outcome(metadata, dict(zip(repeated["id"].tolist(), reasons, strict=True)))
