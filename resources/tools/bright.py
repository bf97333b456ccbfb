"""Keep images that are not too dark; an example of a tool of one's own."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from PIL import Image

from treeline.tools.judge import Verdict, drop, keep

COLUMNS = ("image",)
LEAST_BRIGHTNESS = 40


def judge(rows: pa.RecordBatch) -> Iterator[Verdict]:
    """Judge by the mean of the grey values, 0 to 255."""
    for image in rows["image"].to_pylist():
        brightness = float(np.asarray(Image.open(io.BytesIO(image)).convert("L")).mean())
        yield keep(brightness) if brightness > LEAST_BRIGHTNESS else drop("too dark", brightness)
