"""An LMDB database, beside the tables.

lmdb/data.mdb         under `00000012` (a sample's id) its encoded image, under `00000012.mask` its mask, a PNG
lmdb/metadata.h5
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TypeAlias

import lmdb

from treeline.config_datasets import EncodingOptions
from treeline.errors import ShardError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.intake import Intake
from treeline.io.datasets.encodings.reading import METADATA, ByteReader, key_of, read_tables
from treeline.io.datasets.metadata import ID, TABLES, Metadata, write_metadata
from treeline.io.datasets.samples import Sample

DATA = "data.mdb"
MASK = ".mask"
WRITTEN_AT_ONCE_BYTES = 2 * 2**20
PAGE_BYTES = 4096
PAGES_A_VALUE = 3
"""More than LMDB's own share of a value: the rest of its last page, and its place in the tree."""
FileId: TypeAlias = tuple[int, int]
"""Device and inode: a database that was written anew under the same name is another one."""

FORMAT = 0
"""LMDB 0.9's, which every program reads."""

_lock = threading.RLock()
_open: dict[FileId, lmdb.Environment] = {}


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the folder, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    intake = Intake(metadata, samples, options)
    with atomic_folder(target) as folder:
        # No lock: nobody else knows of the folder. No sync: it is forced to disk as a whole at the end.
        with lmdb.open(
            str(folder), map_size=WRITTEN_AT_ONCE_BYTES, lock=False, sync=False, lib_version=FORMAT
        ) as database:
            batch: dict[str, bytes] = {}
            for sample in intake.encoded():
                batch[key_of(sample.id)] = sample.data
                if sample.mask is not None:
                    batch[key_of(sample.id) + MASK] = sample.mask
                if sum(map(len, batch.values())) >= WRITTEN_AT_ONCE_BYTES:
                    _put(database, batch)
            _put(database, batch)
        write_metadata(intake.metadata, folder / METADATA)


class LmdbFolder(ByteReader):
    """A database that is open for reading."""

    def __init__(self, path: Path, tables: Collection[str] = TABLES) -> None:
        super().__init__(path, read_tables(path, tables))
        self._keys = [key_of(id) for id in self.metadata.index[ID]]
        status = (path / DATA).stat()
        self._file = status.st_dev, status.st_ino

    def encoded(self, position: int) -> bytes:
        """Read the image's bytes."""
        return self._get(self._keys[position])

    def _encoded_mask(self, position: int) -> bytes:
        return self._get(self._keys[position] + MASK)

    def close(self) -> None:
        """Close the database; another read opens it anew."""
        with _lock:
            if (database := _open.pop(self._file, None)) is not None:
                database.close()

    def _get(self, key: str) -> bytes:
        with _lock, _database(self._file, self.path).begin() as transaction:
            value = transaction.get(key.encode())
        if value is None:
            raise ShardError(self.path / DATA, f"has no value of the key {key}.", fix="Encode the dataset anew.")
        return bytes(value)


def _database(file: FileId, folder: Path) -> lmdb.Environment:
    """The open database of a folder, which is opened at the first read.

    Raises:
        ShardError: It is none.
    """
    if file not in _open:
        try:
            _open[file] = lmdb.open(str(folder), readonly=True, lock=False)
        except lmdb.Error as error:
            raise ShardError(folder / DATA, f"is no LMDB database ({error}).", fix="Encode it anew.") from None
    return _open[file]


def _close_before_fork() -> None:
    _lock.acquire()
    while _open:
        _open.popitem()[1].close()


os.register_at_fork(before=_close_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)


def _put(database: lmdb.Environment, batch: dict[str, bytes]) -> None:
    """Write what has come together, in sorted order, in a map that has room for it."""
    needed = sum(len(value) + PAGES_A_VALUE * PAGE_BYTES for value in batch.values())
    database.set_mapsize(database.info()["map_size"] + needed)
    with database.begin(write=True) as transaction:
        for key in sorted(batch):
            transaction.put(key.encode(), batch[key])
    batch.clear()
