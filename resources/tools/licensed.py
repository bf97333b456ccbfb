"""Keep images whose license, source and title are all given; an example that looks at no pixel."""

from __future__ import annotations

import pyarrow as pa

from treeline.tools.judge import Verdict, drop, keep

COLUMNS = ("is_license_full",)


def judge(rows: pa.RecordBatch) -> list[Verdict]:
    """Judge by what the input said of the image's rights."""
    return [
        keep() if is_full else drop("license, source or title is missing")
        for is_full in rows["is_license_full"].to_pylist()
    ]
