"""The numbers that stand at the head of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from treeline.analyze.channels import all_together
from treeline.analyze.dimensions import quantity_rows
from treeline.analyze.parts import Part
from treeline.analyze.source import is_raster
from treeline.analyze.tables import REASONS, TEXTURE_MEASURES
from treeline.io.datasets.metadata import Metadata
from treeline.io.moments import Moments


def summary(
    metadata: Metadata,
    part: Part,
    images: pd.DataFrame,
    channels: Sequence[str],
    suspicious: pd.DataFrame,
    texture: pd.DataFrame,
    classes: pd.DataFrame,
) -> list[dict[str, Any]]:
    """Rows of the table `summary`.

    Args:
        metadata: Of the samples.
        part: What was measured of them.
        images: The same of each, with quantities.
        channels: Names of the channels.
        suspicious: All suspicious images.
        texture: The table of this name.
        classes: The table of this name.
    """
    counts = suspicious["reason"].value_counts()
    of_class = classes.groupby("label")["samples"].sum()
    return [
        _row("samples", len(metadata)),
        _row("unreadable", len(part.unreadable)),
        _row("channels", len(channels)),
        _row("raster", is_raster(metadata)),
        *quantity_rows(images, is_bytes=not isinstance(all_together(part.totals), Moments)),
        _row("file_bytes_total", images["file_bytes"].sum(min_count=1), "bytes"),
        _row("memory_bytes_total", images["memory_bytes"].sum(), "bytes"),
        _row("pixels_sampled", len(part.pixels[0].id), "pixels"),
        _row("images_sampled", len(part.details)),
        *(_row(f"texture_{name}_mean", texture[name].mean()) for name in TEXTURE_MEASURES),
        *(_row(f"texture_{name}_deviation", texture[name].std(ddof=0)) for name in TEXTURE_MEASURES),
        *(_row(f"suspicious_{reason}", counts.get(reason, 0)) for reason in REASONS),
        *([_row("imbalance", of_class.max() / of_class.min())] if len(of_class) else []),
    ]


def _row(key: str, value: Any, unit: str = "") -> dict[str, Any]:
    return {"key": key, "value": float(value), "unit": unit}
