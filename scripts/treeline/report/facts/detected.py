"""What the detector has seen: boxes by category and confidence, and images by their best box, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from treeline.io.parquet import stream_rows
from treeline.report.facts.collection import Collection, Rows

BINS = 20
EDGES = np.arange(BINS + 1) / BINS
"""Of the bins of confidence; the last one has both of its ends."""

BATCH_ROWS = 262_144
COLUMNS = ("file", "failure", "category", "confidence")


@dataclass
class Seen:
    """What the detector has seen.

    Args:
        boxes: By category and bin.
        best: Images that have the category, by it and the bin of its best box.
        images: By the category of their best box, of those that are sure enough.
        empty: Images without such a box.
        failed: Images that could not be looked at.
    """

    boxes: Counter[tuple[str, int]] = field(default_factory=Counter)
    best: Counter[tuple[str, int]] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """Images that it was given."""
        return self.images.total() + self.empty + self.failed

    def rows(self) -> Rows:
        """Rows of the table `detections`: those bins that have a box."""
        return [
            {
                "category": category,
                "confidence_low": EDGES[place],
                "confidence_high": EDGES[place + 1],
                "boxes": boxes,
                "images": self.best[category, place],
            }
            for (category, place), boxes in sorted(self.boxes.items())
        ]


def read_seen(collection: Collection) -> Seen:
    """Go through the table of detections once; nothing is seen before there is one.

    Raises:
        InputError: It cannot be read.
    """
    seen = Seen()
    if collection.paths.detections_table.exists():
        for images in _whole_images(collection):
            _add(seen, images, collection.output.settings.report.min_confidence)
    return seen


def _whole_images(collection: Collection) -> Iterator[pa.Table]:
    """The table's rows in pieces that do not cut an image: its rows stand together."""
    pending: pa.Table | None = None
    for batch in stream_rows(collection.paths.detections_table, COLUMNS, BATCH_ROWS):
        piece = pa.Table.from_batches([batch])
        piece = piece if pending is None else pa.concat_tables([pending, piece]).combine_chunks()
        starts = np.flatnonzero(_begins_image(piece))
        pending = piece.slice(starts[-1])
        if starts[-1]:
            yield piece.slice(0, starts[-1])
    if pending is not None:
        yield pending


def _begins_image(rows: pa.Table) -> npt.NDArray[np.bool_]:
    files = rows["file"].combine_chunks()
    return np.concatenate([[True], pc.not_equal(files[1:], files[:-1]).to_numpy(zero_copy_only=False)])


def _add(seen: Seen, rows: pa.Table, least: float) -> None:
    image = np.cumsum(_begins_image(rows)) - 1
    failed = np.unique(image[rows["failure"].is_valid().to_numpy()])
    has_box = rows["category"].is_valid().to_numpy()
    categories = rows["category"].filter(has_box).combine_chunks().dictionary_encode()
    names = categories.dictionary.to_pylist()
    kind, confidence = categories.indices.to_numpy(), rows["confidence"].filter(has_box).to_numpy()
    best = np.full((image[-1] + 1, len(names)), -1.0)
    np.maximum.at(best, (image[has_box], kind), confidence)
    for number, name in enumerate(names):
        of_kind = best[:, number]
        _count(seen.boxes, name, confidence[kind == number])
        _count(seen.best, name, of_kind[of_kind >= 0])
    sure = best.max(axis=1, initial=-1.0) >= least
    order = np.argsort(names)  # of equal confidences, the first by name
    chosen = order[best[:, order].argmax(axis=1)] if names else np.zeros(0, int)
    for number, name in enumerate(names):
        seen.images[name] += int((sure & (chosen == number)).sum())
    seen.failed += len(failed)
    seen.empty += len(best) - int(sure.sum()) - len(failed)


def _count(counter: Counter[tuple[str, int]], name: str, confidences: npt.NDArray[Any]) -> None:
    places = np.clip(np.searchsorted(EDGES, confidences, side="right") - 1, 0, BINS - 1)
    for place, count in zip(*np.unique(places, return_counts=True), strict=True):
        counter[name, int(place)] += int(count)
