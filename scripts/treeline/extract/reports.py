"""What an extraction reports: counts that add up, and every row that was not found."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from treeline.errors import InputError
from treeline.io.atomic import atomic_path, write_text
from treeline.io.csv_tables import csv_text

MISSING = ("uuid", "path", "reason")
"""Columns of `group_id=N.missing.csv`."""


@dataclass
class Counts:
    """Rows of a lookup table by what became of them: asked = found + missing + duplicates.

    Args:
        asked: Rows of the table.
        found: Rows whose image was written.
        missing: Rows without image; listed in the other report.
        duplicates: Rows whose uuid was found for another row.
    """

    asked: int = 0
    found: int = 0
    missing: int = 0
    duplicates: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, field.name)} {field.name}" for field in fields(self))

    @classmethod
    def columns(cls) -> list[str]:
        """Names of the counts, in the order of their columns."""
        return [field.name for field in fields(cls)]

    def write(self, target: Path) -> None:
        """Write the counts as a CSV table of one row."""
        write_text(target, csv_text(self.columns(), [astuple(self)]))

    @classmethod
    def read(cls, report: Path) -> Counts:
        """Read what `write` has written.

        Raises:
            InputError: The file is missing, or is no such table.
        """
        try:
            header, values = report.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            raise InputError(report, "is not the report of an extracted batch.", fix="Run extract again.") from None
        expected = ",".join(cls.columns())
        if header != expected:
            raise InputError(report, f"expected the columns {expected}, found {header}.", fix="Delete it.")
        return cls(*map(int, values.split(",")))


class MissingRows:
    """Writes a CSV table of `MISSING`, as a whole or not at all.

    Args:
        target: The table.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._stack = ExitStack()

    def __enter__(self) -> MissingRows:
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._target))
            file = stack.enter_context(temporary.open("w", newline="", encoding="utf-8"))
            self._writer = csv.writer(file, lineterminator="\n")
            self._writer.writerow(MISSING)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, uuids: pa.Array, path: str | None, reason: str) -> None:
        """Add rows of one path that are missing for one reason."""
        self._writer.writerows((uuid, path, reason) for uuid in uuids.to_pylist())
