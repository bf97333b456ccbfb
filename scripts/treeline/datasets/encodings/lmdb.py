"""An LMDB database, beside the tables.

lmdb/data.mdb         under `00000012` (a sample's id) its encoded image, under `00000012.mask` its mask, a PNG
lmdb/metadata.h5
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import lmdb

from treeline.datasets.description import EncodingOptions
from treeline.datasets.encodings.intake import Intake
from treeline.datasets.encodings.reading import METADATA, ByteReader, key_of, read_tables
from treeline.datasets.metadata import ID, Metadata, write_metadata
from treeline.datasets.samples import Sample
from treeline.errors import ShardError
from treeline.io.atomic import atomic_folder

DATA = "data.mdb"
MASK = ".mask"
WRITTEN_AT_ONCE_BYTES = 16 * 2**20
PAGE_BYTES = 4096
PAGES_A_VALUE = 3
"""More than LMDB's own share of a value: the rest of its last page, and its place in the tree."""


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the folder, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    intake = Intake(metadata, samples, options)
    with atomic_folder(target) as folder:
        # No lock: nobody else knows of the folder. No sync: it is forced to disk as a whole at the end.
        with lmdb.open(str(folder), map_size=WRITTEN_AT_ONCE_BYTES, lock=False, sync=False) as database:
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

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_tables(path))
        self._keys = [key_of(id) for id in self.metadata.index[ID]]
        self._database: lmdb.Environment | None = None
        self._process = 0

    def encoded(self, position: int) -> bytes:
        """Read the image's bytes."""
        return self._get(self._keys[position])

    def _encoded_mask(self, position: int) -> bytes:
        return self._get(self._keys[position] + MASK)

    def close(self) -> None:
        """Close the database; another read opens it anew."""
        if self._database is not None and self._process == os.getpid():
            self._database.close()
        self._database = None

    def _get(self, key: str) -> bytes:
        with self._open().begin() as transaction:
            value = transaction.get(key.encode())
        if value is None:
            raise ShardError(self.path / DATA, f"has no value of the key {key}.", fix="Encode the dataset anew.")
        return bytes(value)

    def _open(self) -> lmdb.Environment:
        """Open the database, anew in each process: LMDB's documentation forbids to take it through a fork."""
        if self._database is None or self._process != os.getpid():
            try:
                # Read at random, what follows a value is not wanted.
                self._database = lmdb.open(str(self.path), readonly=True, lock=False, readahead=False)
            except lmdb.Error as error:
                raise ShardError(self.path, f"is no LMDB database ({error}).", fix="Encode it anew.") from None
            self._process = os.getpid()
        return self._database

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_database": None}


def _put(database: lmdb.Environment, batch: dict[str, bytes]) -> None:
    """Write what has come together, in sorted order, in a map that has room for it."""
    needed = sum(len(value) + PAGES_A_VALUE * PAGE_BYTES for value in batch.values())
    database.set_mapsize(database.info()["map_size"] + needed)
    with database.begin(write=True) as transaction:
        for key in sorted(batch):
            transaction.put(key.encode(), batch[key])
    batch.clear()
