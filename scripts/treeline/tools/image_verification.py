"""Check that every image decodes, is what its hash and size say, and shows something."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from treeline.config_tools import ImageVerification
from treeline.errors import ImageError
from treeline.io.images import Pixels, open_stored
from treeline.io.parquet import row_sizes
from treeline.tools.judge import Judge, Verdict, drop, keep


def image_verification(parameters: ImageVerification, max_pixels: int) -> Judge:
    """Judge by the stored bytes and the pixels; the value is the standard deviation of the grey values, 0 to 127.5."""

    def judge(batch: pa.RecordBatch) -> Iterator[Verdict]:
        for row in batch.to_pylist():
            try:
                yield _judge(row, parameters, max_pixels)
            except ImageError as error:
                yield drop(str(error))

    return Judge(("image", "hashsum_resized", "original_size", "resized_size"), judge)


def _judge(row: dict[str, Any], parameters: ImageVerification, max_pixels: int) -> Verdict:
    if not row["image"]:
        return drop("the row holds no image bytes")
    if row["hashsum_resized"] != hashlib.md5(row["image"], usedforsecurity=False).hexdigest():
        return drop("the bytes are not those of hashsum_resized")
    image = open_stored(row["image"], row_sizes(row), max_pixels=max_pixels)
    stored = image.pixels.shape[:2] if image.header is None else image.header.size
    if row["resized_size"] is not None and sorted(stored) != sorted(row["resized_size"]):
        return drop(f"the image has {stored[0]} x {stored[1]} pixels, and resized_size says otherwise")
    _, deviations = cv2.meanStdDev(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY))
    deviation = round(float(deviations[0, 0]), 3)
    if deviation < parameters.least_deviation:
        return drop(f"blank: the grey values deviate by {deviation}, less than {parameters.least_deviation}", deviation)
    missing = _share_of_one_grey(image.pixels)
    if missing > parameters.most_missing:
        return drop(f"cut off: the lowest {missing:.0%} of the rows are of one grey", deviation)
    return keep(deviation)


def _share_of_one_grey(pixels: Pixels) -> float:
    """Share of the rows, from the bottom up, that are all of the colour of the last pixel, if that is a grey."""
    last = pixels[-1, -1]
    if np.ptp(last):
        return 0.0
    alike = (pixels == last).all(axis=(1, 2))[::-1]
    return float(np.argmin(alike) if not alike.all() else len(alike)) / len(alike)
