"""Sets of tables that pages are drawn from: which columns each has, and a Parquet file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import pandas as pd

from treeline.errors import InputError

ColumnType = Literal["string", "bytes", "int64", "float64"]
Columns: TypeAlias = dict[str, ColumnType]
"""Type of each column of a table, in their order."""

Tables: TypeAlias = Mapping[str, pd.DataFrame]
"""Every table of a set, by name."""


def columns_of(text: str = "", whole: str = "", real: str = "", raw: str = "") -> Columns:
    """Columns of text, of whole numbers, of real numbers, of bytes: names, parted by spaces."""
    return {
        **dict.fromkeys(text.split(), "string"),
        **dict.fromkeys(whole.split(), "int64"),
        **dict.fromkeys(real.split(), "float64"),
        **dict.fromkeys(raw.split(), "bytes"),
    }


def make_table(columns: Columns, rows: pd.DataFrame | list[dict[str, object]]) -> pd.DataFrame:
    """Give rows the columns of a table, in order and type.

    Raises:
        KeyError: The rows lack a column.
    """
    frame = pd.DataFrame(rows, columns=None if len(rows) else list(columns))
    return frame[list(columns)].astype({column: _dtype(kind) for column, kind in columns.items()})


def write_parquet(tables: Tables, folder: Path) -> None:
    """Write a file a table into a folder that is there; the same bytes for the same tables."""
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)


def read_parquet(folder: Path, names: Mapping[str, Columns], *, origin: str, command: str) -> dict[str, pd.DataFrame]:
    """Read what `write_parquet` has written.

    Args:
        folder: Of the files.
        names: Columns of each table.
        origin: What the tables are of, for an error's text: `an analysis`.
        command: What makes them anew: `treeline analyze measure`.

    Raises:
        InputError: A table is missing or is another; names its file.
    """
    tables = {}
    for name, columns in names.items():
        file = folder / f"{name}.parquet"
        if not file.is_file():
            raise InputError(file, "no such file.", fix=f"Make it: {command}.")
        try:
            tables[name] = make_table(columns, pd.read_parquet(file))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(file, f"is no table of {origin} ({error}).", fix=f"Make it anew: {command}.") from None
    return tables


def _dtype(kind: ColumnType) -> str:
    return "object" if kind in ("string", "bytes") else kind
