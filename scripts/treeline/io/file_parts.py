"""Read parts of files that stay open, from whichever process."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from treeline.errors import ShardError

MOST_OPEN = 64
"""Files that are held open at once; a process may have 1,024 where nobody has raised that."""


class FileParts:
    """Reads parts of files, each of which is opened when it is first read.

    Every read names its place, so that processes that have inherited an open file do not move each other's. When it is
    pickled for another process, the files stay behind.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[Path, int] = OrderedDict()

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """Read `size` bytes from `offset` on.

        Raises:
            ShardError: The file cannot be read, or ends before.
        """
        try:
            data = os.pread(self._descriptor(path), size, offset)
        except OSError as error:
            raise _unreadable(path, error) from None
        if len(data) != size:
            raise _too_short(path)
        return data

    def read_array(
        self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> npt.NDArray[np.generic]:
        """Read an array that lies in the file as it does in memory, in C order.

        Raises:
            ShardError: As `read`.
        """
        array = np.empty(shape, dtype)
        try:
            count = os.preadv(self._descriptor(path), [array.reshape(-1).view(np.uint8).data], offset)
        except OSError as error:
            raise _unreadable(path, error) from None
        if count != array.nbytes:
            raise _too_short(path)
        return array

    def close(self) -> None:
        """Close all files; another read opens its file anew."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, path: Path) -> int:
        descriptor = self._open.get(path)
        if descriptor is None:
            descriptor = self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self._open) > MOST_OPEN:
                os.close(self._open.popitem(last=False)[1])
        else:
            self._open.move_to_end(path)
        return descriptor

    def __getstate__(self) -> dict[str, object]:
        return {"_open": OrderedDict()}

    def __del__(self) -> None:
        self.close()


class ArrayInFile:
    """An array that lies in a file as it does in memory, in C order, read row by row.

    Args:
        parts: What reads it.
        path: The file.
        offset: Where it begins.
        shape: Rows first.
        dtype: Of its elements; of a fixed size.
    """

    def __init__(
        self, parts: FileParts, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._parts, self._path, self._offset = parts, path, offset
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize

    def row(self, number: int) -> npt.NDArray[np.generic]:
        """Read a row into memory of its own.

        Raises:
            IndexError: There is no such row.
            ShardError: The file cannot be read, or ends before.
        """
        if not 0 <= number < self.shape[0]:
            raise IndexError(f"row {number} of {self.shape[0]}")
        return self._parts.read_array(self._path, self._offset + number * self._row_bytes, self.shape[1:], self.dtype)


def _unreadable(path: Path, error: OSError) -> ShardError:
    return ShardError(path, f"cannot be read: {error.strerror}.", fix="Write it again.")


def _too_short(path: Path) -> ShardError:
    return ShardError(path, "ends before what its tables say is in it.", fix="Write it again.")
