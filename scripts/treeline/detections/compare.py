"""Compare two results of the same images: which detections match, which were lost, which gained.

Boxes of one image and category match where they overlap enough. As many as possible are paired, each once
(Hopcroft-Karp), so that the counts do not depend on any order, and swap when the files do.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import maximum_bipartite_matching  # type: ignore[import-untyped]

from treeline.console import new_table, open_console, printable
from treeline.detections.categories import name_categories
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.read_results import read_results

BOXES = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("frame", pa.int64()),
        pa.field("category", pa.string()),
        *(pa.field(edge, pa.float64()) for edge in ("x1", "y1", "x2", "y2")),
    ]
)
"""One row a detection; edges are shares of the image, and `frame` is -1 in photos."""

# Equal boxes match whatever their area: rounding may take their overlap below 1, and it is 0/0 where they have none.
OVERLAPS = """
WITH pairs AS (
    SELECT
        b.number AS before_number, a.number AS after_number,
        (b.x1 = a.x1 AND b.y1 = a.y1 AND b.x2 = a.x2 AND b.y2 = a.y2) AS equal,
        greatest(least(b.x2, a.x2) - greatest(b.x1, a.x1), 0)
            * greatest(least(b.y2, a.y2) - greatest(b.y1, a.y1), 0) AS shared,
        (b.x2 - b.x1) * (b.y2 - b.y1) + (a.x2 - a.x1) * (a.y2 - a.y1) AS areas
    FROM boxes_before AS b JOIN boxes_after AS a USING (file, frame, category)
)
SELECT before_number, after_number FROM pairs
WHERE equal OR (shared > 0 AND shared >= ? * (areas - shared))
"""


class Line(NamedTuple):
    """Counts of one category, of one image or of all: before = matched + lost, after = matched + gained.

    Args:
        file: The image; empty for all.
        category: Name; empty for all.
        before: Detections of the first file.
        after: Detections of the second.
        matched: Detections of both.
    """

    file: str
    category: str
    before: int
    after: int
    matched: int

    @property
    def lost(self) -> int:
        """Detections of the first file alone."""
        return self.before - self.matched

    @property
    def gained(self) -> int:
        """Detections of the second file alone."""
        return self.after - self.matched

    @property
    def counts(self) -> dict[str, int]:
        """All five counts by name."""
        counts = {"before": self.before, "after": self.after, "matched": self.matched}
        return {**counts, "lost": self.lost, "gained": self.gained}


class Comparison(NamedTuple):
    """What two results agree on.

    Args:
        compared: Number of images that were looked at in both files.
        failed: Number of images of both files that failed in one or both.
        only_before: Number of images that only the first file holds.
        only_after: Number of images that only the second file holds.
        total: Counts over all categories.
        categories: Counts of each category, by name.
        differing: Counts of each image and category where something was lost or gained, by name.
    """

    compared: int
    failed: int
    only_before: int
    only_after: int
    total: Line
    categories: list[Line]
    differing: list[Line]


def compare_results(
    before: Path, after: Path, *, iou: float, threshold_before: float, threshold_after: float
) -> Comparison:
    """Compare two files of results, image by image and category by category.

    Args:
        before: Results of format 1.3 or later.
        after: Results; categories are the same where their names are.
        iou: Least intersection over union of two boxes that match, above 0 and up to 1.
        threshold_before: Lowest confidence of a detection that counts in the first file; detections that are struck
            out never do.
        threshold_after: The same for the second file.

    Raises:
        InputError: A file is not of the format.
    """
    first, second = _read(before, threshold_before), _read(after, threshold_after)
    both = first.looked_at.keys() & second.looked_at.keys()
    seen = [file for file in both if first.looked_at[file] and second.looked_at[file]]
    boxes = _boxes_of(seen, first.boxes), _boxes_of(seen, second.boxes)
    lines = _count(*boxes, _matched(*boxes, iou))
    return Comparison(
        compared=len(seen),
        failed=len(both) - len(seen),
        only_before=len(first.looked_at) - len(both),
        only_after=len(second.looked_at) - len(both),
        total=_sum("", lines),
        categories=[
            _sum(name, [line for line in lines if line.category == name])
            for name in sorted(first.categories | second.categories)
        ],
        differing=[line for line in lines if line.lost or line.gained],
    )


def write_report(target: Path, comparison: Comparison) -> None:
    """Write the counts as JSON: of images, of all detections and of each category."""
    content: dict[str, Any] = {
        "images": {name: getattr(comparison, name) for name in ("compared", "failed", "only_before", "only_after")},
        "detections": comparison.total.counts,
        "categories": {line.category: line.counts for line in comparison.categories},
    }
    write_text(target, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def write_differing(target: Path, comparison: Comparison) -> None:
    """Write a CSV with a row for each image and category where something was lost or gained."""
    columns = ("file", "category", *comparison.total.counts)
    rows = ((line.file, line.category, *line.counts.values()) for line in comparison.differing)
    write_text(target, csv_text(columns, rows))


def print_comparison(comparison: Comparison) -> None:
    """Print the counts as a table, a line for each category and one for all."""
    console = open_console()
    table = new_table("Detections")
    for heading in ("category", *comparison.total.counts):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    for line in (*comparison.categories, comparison.total._replace(category="all")):
        table.add_row(printable(line.category), *map(str, line.counts.values()))
    console.print(table)
    console.print(
        f"{comparison.compared} images compared; {comparison.failed} failed in one or both, "
        f"{comparison.only_before} are only in the first file, {comparison.only_after} only in the second."
    )


class _Side(NamedTuple):
    """What is compared of one file, so that only one has to be in memory as a whole.

    Args:
        looked_at: Whether an image was looked at or has failed, by its name.
        categories: Their names.
        boxes: Table of `BOXES`.
    """

    looked_at: dict[str, bool]
    categories: frozenset[str]
    boxes: pa.Table


def _read(file: Path, threshold: float) -> _Side:
    results = read_results(file)
    name_categories(results)
    columns: list[list[object]] = [[] for _ in BOXES]
    for image in results["images"]:
        for found in image["detections"] or ():
            if found["conf"] >= threshold:
                left, top, width, height = found["bbox"]
                row = (image["file"], found.get("frame_number", -1), found["category"])
                for column, value in zip(columns, (*row, left, top, left + width, top + height), strict=True):
                    column.append(value)
    looked_at = {image["file"]: image["detections"] is not None for image in results["images"]}
    return _Side(looked_at, frozenset(results["detection_categories"]), pa.table(columns, schema=BOXES))


def _boxes_of(files: list[str], boxes: pa.Table) -> pa.Table:
    """The boxes of some images, numbered from 0."""
    chosen = boxes.filter(pc.is_in(boxes["file"], pa.array(files, pa.string())))
    return chosen.append_column("number", pa.array(range(chosen.num_rows), pa.int64()))


def _matched(before: pa.Table, after: pa.Table, iou: float) -> npt.NDArray[np.bool_]:
    """Which of the first boxes have one of the second for themselves, with as many pairs as can be."""
    with duckdb.connect() as connection:
        connection.register("boxes_before", before)
        connection.register("boxes_after", after)
        pairs = connection.execute(OVERLAPS, [iou]).fetchnumpy()
    rows, columns = pairs["before_number"], pairs["after_number"]
    if not len(rows):
        return np.zeros(before.num_rows, dtype=np.bool_)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(before.num_rows, after.num_rows))
    partners: npt.NDArray[np.int32] = maximum_bipartite_matching(graph.tocsr(), perm_type="column")
    return partners >= 0


def _count(before: pa.Table, after: pa.Table, matched: npt.NDArray[np.bool_]) -> list[Line]:
    """Counts of each image and category with any detections, by name."""
    keys_before, keys_after = (
        list(zip(boxes["file"].to_pylist(), boxes["category"].to_pylist(), strict=True)) for boxes in (before, after)
    )
    counts_before, counts_after = Counter(keys_before), Counter(keys_after)
    counts_matched = Counter(key for key, has_partner in zip(keys_before, matched.tolist(), strict=True) if has_partner)
    keys = sorted(counts_before.keys() | counts_after.keys())
    return [Line(*key, counts_before[key], counts_after[key], counts_matched[key]) for key in keys]


def _sum(category: str, lines: list[Line]) -> Line:
    before, after, matched = (sum(getattr(line, count) for line in lines) for count in ("before", "after", "matched"))
    return Line("", category, before, after, matched)
