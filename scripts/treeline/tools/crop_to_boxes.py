"""Make an image of each box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treeline.config_tools import CropToBoxes
from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg
from treeline.io.images import Size, open_stored
from treeline.io.parquet import row_sizes
from treeline.io.stored import md5
from treeline.tools.boxes import Box

Row = dict[str, Any]


def crop_to_boxes(
    row: Row, boxes: Mapping[str, Sequence[Box]], parameters: CropToBoxes, max_pixels: int
) -> Iterator[Row]:
    """Give a row for each of the image's boxes, in their order, with a uuid of its own.

    Args:
        row: Of `schemas.SUCCESSES`.
        boxes: By uuid.
        parameters: How the boxes are widened, and how JPEGs are encoded.
        max_pixels: Largest height x width that is decoded.

    Raises:
        ImageError: The row holds no readable image, or a box no pixel of it.
    """
    found = boxes.get(row["uuid"], ())
    if not found:
        return
    if not row["image"]:
        raise ImageError("the row holds no image bytes")
    pixels = open_stored(row["image"], row_sizes(row), max_pixels=max_pixels).pixels
    for box in found:
        scaled = box.scaled_to(pixels.shape[:2], row["original_size"])
        top, bottom, left, right = corners(scaled, pixels.shape[:2], parameters.padding, square=parameters.square)
        image = encode_jpeg(pixels[top:bottom, left:right], parameters.jpeg_quality)
        size, hashsum = [bottom - top, right - left], md5(image)
        hashsums = {"hashsum_original": hashsum, "hashsum_resized": hashsum}
        yield {**row, "uuid": box.uuid, "image": image, **hashsums, "original_size": size, "resized_size": size}


def corners(box: Box, size: Size, padding: float, *, square: bool) -> tuple[int, int, int, int]:
    """The rows and columns that a box takes: top, bottom, left, right, of which bottom and right are not in it.

    Args:
        box: What is cut out, in pixels.
        size: Height and width of the image.
        padding: Added on each side, as a share of the box's.
        square: Widen the shorter side to the longer one; at the image's edge the square moves inwards.

    Raises:
        ImageError: The box holds no pixel of the image.
    """
    sides = [box.height * (1 + 2 * padding), box.width * (1 + 2 * padding)]
    if square:
        sides = [max(sides)] * 2
    centres = box.top + box.height / 2, box.left + box.width / 2
    (top, bottom), (left, right) = (
        _span(centre, side, limit, moves=square) for centre, side, limit in zip(centres, sides, size, strict=True)
    )
    if top >= bottom or left >= right:
        raise ImageError(f"the box {box.uuid} holds no pixel of an image of {size[1]} x {size[0]}")
    return top, bottom, left, right


def _span(centre: float, side: float, limit: int, *, moves: bool) -> tuple[int, int]:
    start, end = centre - side / 2, centre + side / 2
    if moves and 0 <= centre <= limit:
        shift = max(0.0, -start) - max(0.0, end - limit)
        start, end = start + shift, end + shift
    return max(0, round(start)), min(limit, round(end))
