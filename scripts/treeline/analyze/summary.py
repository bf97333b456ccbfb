"""The numbers that stand at the head of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.channels import all_together
from treeline.analyze.dataset import Dataset
from treeline.analyze.dimensions import quantity_rows
from treeline.analyze.parts import Sums
from treeline.analyze.suspicious import count_reasons
from treeline.analyze.tables import REASONS, TEXTURE_MEASURES
from treeline.io.moments import Moments


def summary(
    dataset: Dataset, sums: Sums, channels: Sequence[str], texture: pd.DataFrame, classes: pd.DataFrame
) -> list[dict[str, Any]]:
    """Rows of the table `summary`.

    Args:
        dataset: With what was measured, and all suspicious images.
        sums: What is put together of all.
        channels: Names of the channels.
        texture: The table of this name.
        classes: The table of this name.
    """
    query = "SELECT sum(file_bytes), sum(memory_bytes) FROM images"
    [(file_bytes, memory_bytes)] = dataset.database.execute(query)
    reasons = count_reasons(dataset)
    of_class = classes.groupby("label")["samples"].sum()
    return [
        _row("samples", len(dataset)),
        _row("unreadable", dataset.count("unreadable")),
        _row("channels", len(channels)),
        _row("raster", dataset.is_raster),
        *quantity_rows(dataset, is_bytes=not isinstance(all_together(sums.totals), Moments)),
        _row("file_bytes_total", np.nan if file_bytes is None else file_bytes, "bytes"),
        _row("memory_bytes_total", memory_bytes, "bytes"),
        _row("pixels_sampled", len(sums.pixels[0].id), "pixels"),
        _row("images_sampled", len(sums.details)),
        *(_row(f"texture_{name}_mean", texture[name].mean()) for name in TEXTURE_MEASURES),
        *(_row(f"texture_{name}_deviation", texture[name].std(ddof=0)) for name in TEXTURE_MEASURES),
        *(_row(f"suspicious_{reason}", reasons.get(reason, 0)) for reason in REASONS),
        *([_row("imbalance", of_class.max() / of_class.min())] if len(of_class) else []),
    ]


def _row(key: str, value: Any, unit: str = "") -> dict[str, Any]:
    return {"key": key, "value": float(value), "unit": unit}
