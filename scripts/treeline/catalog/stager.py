"""Fill the staged tables row by row, many rows at a time."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

ROWS_AT_ONCE = 50_000

_LIST = pa.list_(pa.string())
SCHEMAS: dict[str, pa.Schema] = {
    "staged_source": pa.schema({"properties": pa.string()}),
    "staged_datasets": pa.schema(
        {
            "dataset": pa.string(),
            **dict.fromkeys(("storage_account", "container", "path_prefix", "container_sas_key"), pa.string()),
            "access": _LIST,
            "comment": pa.string(),
            "properties": pa.string(),
        }
    ),
    "staged_sequences": pa.schema(
        {
            **dict.fromkeys(("dataset", "seq_id", "location"), pa.string()),
            "class": _LIST,
            "datetime": pa.string(),
            "properties": pa.string(),
        }
    ),
    "staged_images": pa.schema(
        {
            "item": pa.int64(),
            **dict.fromkeys(("dataset", "seq_id", "location", "file"), pa.string()),
            "frame_num": pa.int64(),
            "class": _LIST,
            "datetime": pa.string(),
            "width": pa.int32(),
            "height": pa.int32(),
            "uuid": pa.string(),
            "annotated": pa.bool_(),
            "properties": pa.string(),
        }
    ),
    "staged_boxes": pa.schema(
        {
            "item": pa.int64(),
            "box": pa.int32(),
            "category": pa.string(),
            "class": pa.string(),
            **dict.fromkeys(("x_min", "y_min", "width", "height", "confidence"), pa.float64()),
            "properties": pa.string(),
        }
    ),
    "staged_videos": pa.schema(
        {
            **dict.fromkeys(("dataset", "seq_id", "file"), pa.string()),
            "class": _LIST,
            "datetime": pa.string(),
            "frame_rate": pa.float64(),
            "frames": pa.int64(),
            "properties": pa.string(),
        }
    ),
    "staged_classes": pa.schema(dict.fromkeys(("dataset", "class", "properties"), pa.string())),
    "staged_splits": pa.schema(dict.fromkeys(("dataset", "location", "split"), pa.string())),
    "staged_split_entries": pa.schema({"dataset": pa.string(), "not_text": _LIST, "properties": pa.string()}),
}
"""The columns of each staged table, in the order of `staging.sql`: they are inserted by place."""


class Stager:
    """Collects rows, and hands them to the database in lots; the last ones when its `with` block ends well."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schemas: Mapping[str, pa.Schema] = SCHEMAS) -> None:
        """Fill the tables of `schemas`, which are there already."""
        self._connection, self._schemas = connection, schemas
        self._rows: dict[str, list[dict[str, Any]]] = {table: [] for table in schemas}

    def add(self, table: str, **row: object) -> None:
        """Add a row; a column that is not named is NULL."""
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= ROWS_AT_ONCE:
            self._flush(table)

    def __enter__(self) -> Stager:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            for table in self._rows:
                self._flush(table)

    def _flush(self, table: str) -> None:
        if self._rows[table]:
            # Not registered under a name: the transaction would keep each lot in memory until its end.
            lot = pa.Table.from_pylist(self._rows[table], schema=self._schemas[table])
            self._connection.from_arrow(lot).insert_into(table)
            self._rows[table].clear()
