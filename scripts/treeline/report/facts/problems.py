"""What failed, and what to do about it."""

from __future__ import annotations

from treeline.failures import group_failures
from treeline.report.facts.collection import Collection, Rows


def measure_errors(collection: Collection) -> Rows:
    """Make the table `errors`, the largest group first.

    Raises:
        InputError: A table of errors cannot be read.
    """
    rows: Rows = []
    for group in group_failures(collection.output):
        rows.append(
            {
                "server": group.server_name,
                "code": group.error_code,
                "message": group.message,
                "images": group.images,
                "example": next(iter(group.examples), ""),
                "meaning": group.advice.meaning,
                "advice": group.advice.what_to_do,
            }
        )
    return rows
