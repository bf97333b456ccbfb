"""What the reference says of a file: its path, what it holds, and what each of its columns means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

SHARD = "server_name=S/partition_id=N"
TEXT, NUMBER, SIZE = "string", "int64", "int64[]"

COMMON = {
    "uuid": "The image: what identifies it in every file.",
    "identifier": "Its URL.",
    "source_id": "The source's name of the image or of its occurrence.",
    "license": "Licence, as the source gives it.",
    "source": "Who publishes the image.",
    "title": "What the image is called.",
    "server_name": "host[:port].",
    "partition_id": "Number of the batch of that server, from 0.",
    "rows": "Number of rows.",
    "reason": "Why.",
    "path": "Of the shard that holds the image, below `path_to_output`.",
    "original_size": "Height and width as served, pixels.",
    "resized_size": "Height and width as stored, pixels.",
    "image": "The encoded image; with `raw_bgr`, height x width x 3 bytes.",
    "file": "Name of the image's file.",
    "dataset": "Name of the data set.",
    "location": "Where the camera stood.",
    "split": "`train`, `val` or `test`.",
    "category": "What a box holds, such as `animal`.",
    "label": "Class.",
    "confidence": "How sure the detector or the model is, 0 to 1.",
    "id": "The sample.",
    "image_path": "Where the sample's image is.",
    "properties": "What has no column of its own, as JSON.",
    "ingest": "Number of the ingest that brought it.",
    "class": "Classes.",
    "datetime": "Time as it was given.",
    "time": "The same as a local time; null where it is none.",
    "group": "Name of the group.",
    "group_id": "Number of the batch of the group.",
    "paths": "Shards that hold the images.",
    "images": "Number of images.",
}
"""What a column means wherever nothing else is said of it."""


@dataclass(frozen=True)
class FileTable:
    """A file of the output folder, or one for each of many things.

    Args:
        path: Under `path_to_output`, in the names of the default `output_structure`; `S` stands for a percent-encoded
            server, `N` for a number, `<name>` for any name.
        what: What a row is, or what the file is.
        columns: Type of each column, in order; an empty text where the format has no types. None: it has no columns.
        meanings: What columns mean, where it is not what `COMMON` says.
        has_more: Whether there may be further columns, which `what` explains.
        is_explained: Whether each column has a meaning of its own; if not, `what` has them all.
    """

    path: str
    what: str
    columns: Mapping[str, str] | None = None
    meanings: Mapping[str, str] = field(default_factory=dict)
    has_more: bool = False
    is_explained: bool = True

    def rows(self) -> Iterable[tuple[str, str, str]]:
        """Name, type and meaning of each column.

        Raises:
            KeyError: A column has no meaning, or a meaning no column.
        """
        columns = self.columns or {}
        if unknown := self.meanings.keys() - columns.keys():
            raise KeyError(f"{self.path}: no column is called {', '.join(sorted(unknown))}")
        return [(name, kind, self.meanings.get(name) or COMMON[name]) for name, kind in columns.items()]


def typed(schema: pa.Schema) -> dict[str, str]:
    """Columns of a Parquet file; lists are written as `int64[]`."""
    return {field.name: _name(field.type) for field in schema}


def untyped(names: Iterable[str]) -> dict[str, str]:
    """Columns of a CSV file."""
    return dict.fromkeys(names, "")


def _name(kind: pa.DataType) -> str:
    return f"{_name(kind.value_type)}[]" if pa.types.is_list(kind) else str(kind)
