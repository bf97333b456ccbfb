"""Keep or drop the images of a list."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from treeline.config_tools import FilterByUuid
from treeline.io.tables import read_column
from treeline.io.verdicts import DROP, KEEP
from treeline.tools.judge import Judge, Verdict, drop, keep


def filter_by_uuid(parameters: FilterByUuid) -> Judge:
    """Judge by whether an image's uuid is in the list.

    Raises:
        InputError: The list cannot be read, or has no column `uuid`.
    """
    listed = read_column(parameters.uuids, "uuid")
    reasons = {KEEP: "is not in the list", DROP: "is in the list"}

    def judge(batch: pa.RecordBatch) -> Iterator[Verdict]:
        for is_listed in pc.is_in(batch["uuid"], listed).to_pylist():
            is_kept = is_listed == (parameters.listed == KEEP)
            yield keep() if is_kept else drop(f"{reasons[parameters.listed]} {parameters.uuids}")

    return Judge((), judge)
