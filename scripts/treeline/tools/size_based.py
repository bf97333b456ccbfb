"""Drop small images."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from treeline.config_tools import SizeBased
from treeline.tools.judge import Judge, Verdict, drop, keep


def size_based(parameters: SizeBased) -> Judge:
    """Judge by the smaller side of the image as it was served; the value is that side in pixels."""
    threshold = parameters.threshold_size

    def judge(batch: pa.RecordBatch) -> Iterator[Verdict]:
        for size in batch["original_size"].to_pylist():
            if not size or None in size:
                yield drop("the row gives no original_size")
            elif min(size) < threshold:
                yield drop(f"the smaller side has {min(size)} pixels, fewer than {threshold}", min(size))
            else:
                yield keep(min(size))

    return Judge(("original_size",), judge)
