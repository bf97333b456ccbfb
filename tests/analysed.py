"""Datasets as an analysis has them: their samples, and what was measured of them, in tables on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pandas as pd

from treeline.analyze.dataset import Dataset, dataset_of
from treeline.analyze.parts import MaskPixels
from treeline.io.datasets.metadata import Metadata
from treeline.io.disk_tables import put_frame


@contextmanager
def analysed(
    metadata: Metadata,
    images: pd.DataFrame | None = None,
    *,
    unreadable: Mapping[int, str] | None = None,
    masks: Sequence[MaskPixels] = (),
) -> Iterator[Dataset]:
    """Give a dataset of which this was measured."""
    with dataset_of(metadata.facts, {name: [table] for name, table in metadata.tables.items()}) as dataset:
        if images is not None:
            put_frame(dataset.database, "images", images)
        reasons = (unreadable or {}).items()
        put_frame(dataset.database, "unreadable", pd.DataFrame(reasons, columns=["id", "reason"]))
        put_frame(dataset.database, "masks", pd.DataFrame(masks, columns=list(MaskPixels._fields)))
        yield dataset
