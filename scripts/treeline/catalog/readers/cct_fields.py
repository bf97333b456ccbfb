"""Fields of COCO Camera Traps, each of its type, or an error that says where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from treeline.errors import InputError


@dataclass(frozen=True)
class Entry:
    """An image, an annotation or a category. A field that is null is the same as one that is not there.

    Args:
        file: The file.
        table: The list in which it stands.
        number: Its place there, from 1.
        fields: Its fields.
    """

    file: Path
    table: str
    number: int
    fields: dict[str, Any]

    def error(self, field: str, problem: str, *, fix: str = "") -> InputError:
        """An error that names this entry."""
        name = f"{self.table}, id {self.fields['id']!r:.80}" if "id" in self.fields else self.table
        return InputError(self.file, f"{name}: {problem}", row=self.number, field=field, fix=fix)

    def text(self, field: str) -> str | None:
        """A text, which may be empty."""
        value = self.fields.get(field)
        if value is None or isinstance(value, str):
            return value
        raise self.error(field, f"expected a text, found {value!r:.80}.")

    def required_text(self, field: str) -> str:
        """A text that must be there and not be empty."""
        value = self.text(field)
        if not value:
            raise self.error(field, "is missing or empty.")
        return value

    def integer(self, field: str, *, at_least: int, below: int) -> int | None:
        """A whole number; 3.0 is one."""
        value = self.fields.get(field)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise self.error(field, f"expected a whole number, found {value!r:.80}.")
        if not at_least <= value < below:
            raise self.error(field, f"expected a number of {at_least} or more and below {below}, found {value!r:.80}.")
        return int(value)

    def required_integer(self, field: str) -> int:
        """A whole number of 64 bits that must be there."""
        value = self.integer(field, at_least=-(2**63), below=2**63)
        if value is None:
            raise self.error(field, "is missing.")
        return value

    def id(self, field: str) -> str | int:
        """A text, as the format wants it, or a whole number, as COCO has it."""
        value = self.fields.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(field, f"expected a text, found {value!r:.80}." if value is not None else "is missing.")
        return value

    def sequence(self, field: str) -> str | None:
        """The name of a sequence; a whole number is taken for a text."""
        if self.fields.get(field) is None:
            return None
        name = str(self.id(field))
        if not name:
            raise self.error(field, "is empty.", fix="Leave it out where the sequence is unknown.")
        return name

    def box(self, field: str) -> list[float] | None:
        """Left, top, width and height in pixels."""
        value = self.fields.get(field)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 4 or not all(_is_number(number) for number in value):
            raise self.error(field, f"expected four numbers, found {value!r:.80}.")
        return value

    def share(self, field: str) -> float | None:
        """A number from 0 to 1, or None for anything else."""
        value = self.fields.get(field)
        return float(value) if _is_number(value) and 0 <= value <= 1 else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
