"""Read large JSON files an object at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ijson

from treeline.errors import InputError

BUFFER_BYTES = 1024**2


def read_objects(file: Path, prefix: str) -> Iterator[dict[str, Any]]:
    """Read the objects of one list of a JSON file.

    Args:
        file: JSON, UTF-8.
        prefix: Where the list's items are, as ijson says it: `item` for a list at the top, `images.item` for the items
            of the key `images`.

    Raises:
        InputError: The file cannot be read, is no JSON, or an item is no object.
    """
    try:
        with file.open("rb") as stream:
            for number, entry in enumerate(ijson.items(stream, prefix, use_float=True, buf_size=BUFFER_BYTES), start=1):
                if not isinstance(entry, dict):
                    raise InputError(file, f"expected an object, found {entry!r:.80}.", row=number)
                yield entry
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise InputError(file, f"is no JSON in UTF-8: {str(error).strip()}") from None
