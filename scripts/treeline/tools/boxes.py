"""The boxes of a shard's images: from a table of the user's, or from the detections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from treeline.errors import InputError
from treeline.io.database import quote_path
from treeline.io.images import Size
from treeline.io.parquet import write_table
from treeline.io.read_results import read_results
from treeline.io.tables import read_table

COORDINATES = ("x_min", "y_min", "box_width", "box_height")

BOXES = pa.schema(
    [
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("image_uuid", pa.string(), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in COORDINATES),
        pa.field("category", pa.string()),
        pa.field("confidence", pa.float64()),
    ]
)
"""`tools/crop_to_boxes/boxes/`: one row a box, in the unit that it was given in; `uuid` is that of its crop."""


class Box(NamedTuple):
    """A box in an upright image.

    Args:
        uuid: Of the crop that is made of it: the image's with `-` and the box's number.
        left: From the image's left side.
        top: From its upper side.
        width: Of the box.
        height: Of the box.
        is_relative: Whether these are shares of the image, 0 to 1, or pixels of the image as it was served.
    """

    uuid: str
    left: float
    top: float
    width: float
    height: float
    is_relative: bool = False

    def scaled_to(self, size: Size, original_size: Sequence[int] | None) -> Box:
        """The box in pixels of an image of this height and width, which was served as `original_size`."""
        height, width = (1, 1) if self.is_relative else (original_size or size)
        across, down = size[1] / width, size[0] / height
        return Box(self.uuid, self.left * across, self.top * down, self.width * across, self.height * down)


def read_boxes(source: Path, successes: Path, *, least_confidence: float | None, target: Path) -> dict[str, list[Box]]:
    """Read the boxes of a shard's images, and write them down with the uuids of their crops.

    Args:
        source: CSV or Parquet with `uuid` and `COORDINATES`, perhaps `category` and `confidence`; or the shard's
            detector results.
        successes: The shard.
        least_confidence: Of detections; None says that the source is a user's table, in pixels.
        target: Parquet of `BOXES`, in the order of the source.

    Returns:
        The boxes by the image's uuid.

    Raises:
        InputError: The source cannot be read, lacks a column, or a box is none; names the row's uuid.
    """
    is_relative = least_confidence is not None
    rows = _rows_of_table(source, successes) if least_confidence is None else _rows_of_results(source, least_confidence)
    boxes: dict[str, list[Box]] = defaultdict(list)
    written = []
    for row in rows:
        image, coordinates = row.pop("uuid"), [row[name] for name in COORDINATES]
        if None in coordinates or min(coordinates[2:]) <= 0:
            problem = f"the box {coordinates} of {image} has no width or height."
            raise InputError(source, problem, fix=f"Give {', '.join(COORDINATES)} as numbers.")
        left, top, width, height = coordinates
        box = Box(f"{image}-{len(boxes[image])}", left, top, width, height, is_relative)
        boxes[image].append(box)
        written.append({"uuid": box.uuid, "image_uuid": image, **row})
    write_table(target, pa.Table.from_pylist(written, BOXES))
    return dict(boxes)


def _rows_of_table(table: Path, successes: Path) -> list[dict[str, Any]]:
    columns = {"uuid": "VARCHAR", **dict.fromkeys(COORDINATES, "DOUBLE")}
    of_shard = f"uuid IN (SELECT uuid FROM read_parquet({quote_path(successes)}))"
    rows: list[dict[str, Any]] = read_table(
        table, columns, {"category": "VARCHAR", "confidence": "DOUBLE"}, where=of_shard
    ).to_pylist()
    return rows


def _rows_of_results(results: Path, least_confidence: float) -> Iterator[dict[str, Any]]:
    content = read_results(results)
    for image in content["images"]:
        for detection in image["detections"] or ():
            if detection["conf"] >= least_confidence:
                yield {
                    "uuid": image["file"].partition(".")[0],
                    **dict(zip(COORDINATES, detection["bbox"], strict=True)),
                    "category": content["detection_categories"][detection["category"]],
                    "confidence": detection["conf"],
                }
