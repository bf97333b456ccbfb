"""Read large JSON files an object at a time."""

from __future__ import annotations

from collections.abc import Iterator
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


def _read(file: Path, prefix: str) -> Iterator[Any]:
    number = 0
    try:
        with file.open("rb") as stream:
            _check_encoding(file, stream)
            shallow = _Shallow(file, stream)
            for entry in ijson.items(shallow, prefix, use_float=True, buf_size=BUFFER_BYTES):
                number += 1
                yield entry
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).") from None
    except (ijson.JSONError, UnicodeDecodeError) as error:
        fix = "NaN and Infinity are no JSON." if "invalid char" in str(error) else ""
        raise InputError(file, f"is no JSON in UTF-8: {_reason(error)}.", row=number + 1, fix=fix) from None


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
