"""Read large JSON files an object at a time, and keep parts of them as text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from treeline.errors import InputError

BUFFER_BYTES = 1024**2
MAX_DEPTH = 200
"""Lists and objects within each other. The parser's memory grows with the square of it, and no format needs ten."""

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\xef\xbb\xbf": "UTF-8 with a byte order mark"}
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def read_objects(file: Path, prefix: str) -> Iterator[dict[str, Any]]:
    """Read the objects of one list of a JSON file.

    Args:
        file: JSON, UTF-8.
        prefix: Where the list's items are, as ijson says it: `item` for a list at the top, `images.item` for the items
            of the key `images`.

    Raises:
        InputError: The file cannot be read, is no JSON, or an item is no object.
    """
    for number, entry in enumerate(_read(file, prefix), start=1):
        if not isinstance(entry, dict):
            raise InputError(file, f"expected an object, found a {type(entry).__name__}.", row=number)
        yield entry


def read_list(file: Path) -> Iterator[Any]:
    """Read what is in the list that is a JSON file.

    Raises:
        InputError: The file cannot be read, is no JSON, or is no list.
    """
    try:
        with file.open("rb") as stream:
            first = stream.read(BUFFER_BYTES).lstrip()[:1]
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None
    if first.isascii() and first not in (b"", b"["):
        raise InputError(file, "expected a list at the top.", fix="Begin the file with [ and end it with ].")
    return _read(file, "item")


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
        rest[key] = next(_read(file, key))
    return rest


def as_json(value: object) -> str:
    """JSON with keys in order, so that equal values are equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def others(entry: Mapping[str, Any], known: Set[str]) -> str | None:
    """JSON of the properties that have no column; None when there is none."""
    rest = {key: value for key, value in entry.items() if key not in known}
    return as_json(rest) if rest else None


def _read(file: Path, prefix: str) -> Iterator[Any]:
    with _parsing(file) as stream:
        stream.items = 0
        for entry in ijson.items(stream, prefix, use_float=True, buf_size=BUFFER_BYTES):
            stream.items += 1
            yield entry


@contextmanager
def _parsing(file: Path) -> Iterator[_Shallow]:
    """Open a file for the parser, and say what is wrong with it, and at which item."""
    stream = None
    try:
        with file.open("rb") as opened:
            _check_encoding(file, opened)
            stream = _Shallow(file, opened)
            yield stream
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None
    except (ijson.JSONError, UnicodeDecodeError) as error:
        fix = "NaN and Infinity are no JSON." if "invalid char" in str(error) else ""
        row = None if stream is None or stream.items is None else stream.items + 1
        raise InputError(file, f"is no JSON in UTF-8: {_reason(error)}.", row=row, fix=fix) from None


def _check_encoding(file: Path, stream: BinaryIO) -> None:
    start = stream.read(3)
    stream.seek(0)
    for mark, encoding in _BOMS.items():
        if start.startswith(mark):
            raise InputError(file, f"is no JSON in UTF-8, but in {encoding}.", fix="Convert it to UTF-8.")


def _reason(error: Exception) -> str:
    """What the parser says, less the piece of the file that it shows: that may be a key."""
    told = error.args[0] if error.args else ""
    text = told.decode(errors="replace") if isinstance(told, bytes) else str(error)
    return text.strip().partition("\n")[0].rstrip(".")


class _Shallow:
    """A stream that ends with an error where more than `MAX_DEPTH` brackets are open.

    Brackets in strings are counted too; that matters only where a text has hundreds of them that do not match.
    """

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        self.items: int | None = None
        """Number of items that were read, where they are counted."""
        self._file, self._stream, self._open = file, stream, 0

    def read(self, size: int = -1) -> bytes:
        """Read some bytes."""
        lot = self._stream.read(size)
        brackets = b"[" * self._open + lot.translate(_BRACKETS, _NO_BRACKETS)
        while b"[]" in brackets:
            if b"[" * MAX_DEPTH in brackets:
                break
            brackets = brackets.replace(b"[]", b"")
        if b"[" * MAX_DEPTH in brackets:
            problem = f"has more than {MAX_DEPTH} lists and objects within each other."
            raise InputError(self._file, problem, fix="No format that Treeline reads is that deep.")
        self._open = len(brackets) - brackets.rfind(b"]") - 1
        return lot
