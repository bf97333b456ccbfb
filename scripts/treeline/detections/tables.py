"""Read the small CSV tables that people write about their images."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from treeline.errors import InputError


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a CSV table with a header line, in UTF-8.

    Args:
        file: The table.
        columns: Columns that it must have, with a value in each row; it may have others.

    Yields:
        The one-based number of a data row, and its values by column.

    Raises:
        InputError: The file is missing or no such table, or a value is missing; names the row and the column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, restval="", strict=True)
            for column in columns:
                if column not in (reader.fieldnames or ()):
                    found = ", ".join(reader.fieldnames or ()) or "nothing"
                    raise InputError(file, f"the column is missing; the file has: {found}.", field=column)
            for number, row in enumerate(reader, start=1):
                if None in row:
                    raise InputError(file, "has more fields than the header line.", row=number)
                for column in columns:
                    if not row[column]:
                        raise InputError(file, "is empty.", row=number, field=column)
                yield number, row
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(file, "no such file.", fix="Check the path.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(file, f"is no CSV table in UTF-8 ({error}).", fix="Write it anew as UTF-8.") from None
