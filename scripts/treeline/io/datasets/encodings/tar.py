"""Tar archives as WebDataset reads them, each with an index, beside the tables.

shards/train-00000.tar               of one split, or `samples-00000.tar` where there are none
    00000012.jpg                     the encoded image; the name is the sample's id
    00000012.cls                     of a classification: the number of its class
    00000012.json                    its rows in the tables `index`, `labels` and `boxes`
    00000012.mask.png                its mask
shards/train-00000.tar.index.csv     name,offset,size of each member: any one is read without the others
shards/metadata.h5
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.config_datasets import EncodingOptions
from treeline.errors import ShardError
from treeline.io.atomic import atomic_folder
from treeline.io.datasets.encodings.intake import EncodedSample, Intake
from treeline.io.datasets.encodings.reading import METADATA, ByteReader, describe, key_of, read_tables
from treeline.io.datasets.encodings.sizes import resize_boxes
from treeline.io.datasets.metadata import ID, TABLES, Metadata, write_metadata
from treeline.io.datasets.samples import Sample
from treeline.io.file_parts import FileParts
from treeline.io.images import Size
from treeline.io.names import IMAGE_EXTENSIONS
from treeline.io.rolling_archive import RollingArchive
from treeline.io.tar import index_of

ARCHIVES = "*.tar"
UNDIVIDED = "samples"
CLASS, FACTS, MASK = ".cls", ".json", ".mask.png"

Places: TypeAlias = npt.NDArray[np.int64]
"""Samples x 3: number of the archive, offset and size of a member; zeros where a sample has none."""


def write(metadata: Metadata, samples: Iterable[Sample], target: Path, options: EncodingOptions) -> None:
    """Write the folder, as a whole or not at all.

    Raises:
        InputError: A sample is refused.
    """
    intake = Intake(metadata, samples, options)
    facts = _Facts(metadata)
    divided = metadata.index["split"].tolist() if "split" in metadata.index else [""] * len(metadata)
    splits = [split or UNDIVIDED for split in divided]
    with atomic_folder(target) as folder:
        with ExitStack() as stack:
            archives = {
                split: stack.enter_context(RollingArchive(folder, split, options.shard_samples))
                for split in sorted(set(splits))
            }
            for sample in intake.encoded():
                members = {f".{IMAGE_EXTENSIONS[sample.format]}": sample.data, **facts.members(sample, intake.size)}
                archives[splits[sample.position]].add(key_of(sample.id), members)
        write_metadata(intake.metadata, folder / METADATA)


class TarShards(ByteReader):
    """A folder of archives that is open for reading."""

    def __init__(self, path: Path, tables: Collection[str] = TABLES) -> None:
        super().__init__(path, read_tables(path, tables))
        self._parts = FileParts()
        self._archives = sorted(path.glob(ARCHIVES))
        members = _members(self._archives)
        is_image = ~members["ending"].isin([CLASS, FACTS, MASK])
        self._images = self._places(members[is_image], np.ones(len(self.metadata), bool))
        self._masks = self._places(members[members["ending"] == MASK], self._is_masked)

    def encoded(self, position: int) -> bytes:
        """Read the image's bytes."""
        return self._read(self._images[position])

    def _encoded_mask(self, position: int) -> bytes:
        return self._read(self._masks[position])

    def close(self) -> None:
        """Close the archives; another read opens its own anew."""
        self._parts.close()

    def _read(self, place: npt.NDArray[np.int64]) -> bytes:
        archive, offset, size = place
        return self._parts.read(self._archives[archive], offset, size)

    def _places(self, members: pd.DataFrame, is_wanted: npt.NDArray[np.bool_]) -> Places:
        """Find a member of each sample that is to have one.

        Raises:
            ShardError: One is in no archive, or in two.
        """
        places = members.set_index("id")[["archive", "offset", "size"]]
        if not places.index.is_unique:
            problem = f"sample {places.index[places.index.duplicated()][0]} is in it twice."
            raise ShardError(self.path, problem, fix="Take away archives of another time, or encode the dataset anew.")
        lost = ~self.metadata.index[ID].isin(places.index) & is_wanted
        if lost.any():
            problem = f"{describe(self.metadata, int(np.argmax(lost)))} is in no archive."
            raise ShardError(self.path, problem, fix="Bring the archives back, or encode the dataset anew.")
        return places.reindex(self.metadata.index[ID], fill_value=0).to_numpy(np.int64)


class _Facts:
    """What is written beside an image, of the tables."""

    def __init__(self, metadata: Metadata) -> None:
        self._is_multiclass = metadata.task == "multiclass"
        self._columns = {str(name): column.tolist() for name, column in metadata.index.items()}
        self._tables = {name: metadata.tables[name] for name in ("labels", "boxes") if name in metadata.tables}
        self._rows = {name: table.groupby(ID).indices for name, table in self._tables.items()}

    def members(self, sample: EncodedSample, size: Size | None) -> dict[str, bytes]:
        """Content by ending.

        Args:
            sample: The sample.
            size: Height and width that it was brought to; None where it has its own.
        """
        row = {name: _plain(column[sample.position]) for name, column in self._columns.items()}
        row |= {name: self._of(name, sample, size) for name in self._tables}
        members = {FACTS: json.dumps(row, ensure_ascii=False).encode()}
        if self._is_multiclass:
            members[CLASS] = str(row["label_idx"]).encode()
        if sample.mask is not None:
            members[MASK] = sample.mask
        return members

    def _of(self, name: str, sample: EncodedSample, size: Size | None) -> list[dict[str, Any]]:
        rows = self._tables[name].iloc[self._rows[name].get(sample.id, [])]
        if name == "boxes" and size is not None:
            factors = pd.DataFrame([np.divide(size, sample.size)], index=[sample.id], columns=["y", "x"])
            rows = resize_boxes(rows, factors)
        records = rows.drop(columns=ID).to_dict("records")
        return [{str(column): _plain(value) for column, value in record.items()} for record in records]


def _members(archives: list[Path]) -> pd.DataFrame:
    """List the members of all archives: `archive`, its number; `id`, `ending`, `offset`, `size`.

    Raises:
        ShardError: An index is missing, or is none.
    """
    tables = []
    for number, archive in enumerate(archives):
        try:
            table = pd.read_csv(index_of(archive), dtype={"name": str, "offset": np.int64, "size": np.int64})
            names = table["name"].str.partition(".")
            ending = names[1] + names[2]
            tables.append(table.assign(archive=number, id=names[0].astype(np.int64), ending=ending))
        except (OSError, KeyError, ValueError) as error:
            fix = "Encode the dataset anew."
            raise ShardError(index_of(archive), f"is no index of an archive ({error}).", fix=fix) from None
    return pd.concat(tables, ignore_index=True)


def _plain(value: Any) -> Any:
    """A value that JSON has: no NaN, no time."""
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
