"""Read large JSON files an object at a time, and keep parts of them as text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

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
    with _parsing(file) as stream:
        for number, entry in enumerate(ijson.items(stream, prefix, use_float=True, buf_size=BUFFER_BYTES), start=1):
            if not isinstance(entry, dict):
                raise InputError(file, f"expected an object, found {entry!r:.80}.", row=number)
            yield entry


def read_head(file: Path, lists: Collection[str]) -> dict[str, Any]:
    """Read what an object at the top of a JSON file holds beside its long lists.

    Args:
        file: JSON, UTF-8.
        lists: The keys of the lists, all of which must be there; they are not read.

    Raises:
        InputError: As `read_objects`, or a list is missing.
    """
    rest: dict[str, Any] = {}
    found: set[str] = set()
    with _parsing(file) as stream:
        for prefix, event, value in ijson.parse(stream, use_float=True, buf_size=BUFFER_BYTES):
            if event == "map_key" and not prefix and value not in lists:
                rest[value] = None
            elif event == "start_array" and prefix in lists:
                found.add(prefix)
    for key in lists:
        if key not in found:
            raise InputError(file, "has no list of this name.", field=key)
    for key in rest:
        with _parsing(file) as stream:
            rest[key] = next(ijson.items(stream, key, use_float=True, buf_size=BUFFER_BYTES))
    return rest


def as_json(value: object) -> str:
    """JSON with keys in order, so that equal values are equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def others(entry: dict[str, Any], known: frozenset[str]) -> str | None:
    """JSON of the properties that have no column; None when there is none."""
    rest = {key: value for key, value in entry.items() if key not in known}
    return as_json(rest) if rest else None


@contextmanager
def _parsing(file: Path) -> Iterator[BinaryIO]:
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise InputError(file, f"is no JSON in UTF-8: {str(error).strip()}") from None
