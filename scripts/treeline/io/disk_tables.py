"""Tables on disk that take the same few MiB of memory however long they are: for what is kept of each of many images.

SQLite holds 2 MiB of their pages, and sorts in files. DuckDB fills its memory before it spills.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

PIECE_ROWS = 10_000
"""Rows that are in memory at once."""

DiskTables: TypeAlias = sqlite3.Connection
Floats: TypeAlias = npt.NDArray[np.float64]


@contextmanager
def disk_tables() -> Iterator[DiskTables]:
    """Give a database without tables; it lies in the folder of `TMPDIR`, without a name, and is gone with its process.

    Raises:
        OSError: The disk is full.
    """
    try:
        with closing(sqlite3.connect("")) as database:
            # Nobody reads it after this process: there is nothing to be undone, and nothing is ever committed.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA temp_store = FILE")
            yield database
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
            raise
        raise OSError(errno.ENOSPC, "The folder of temporary files (TMPDIR, or else /var/tmp) is full") from error


def put_frame(database: DiskTables, table: str, frame: pd.DataFrame) -> None:
    """Append rows to a table: those of their columns that it has. What is missing is null, times are ISO text."""
    known = [name for name, *_ in database.execute(f"SELECT * FROM {table} LIMIT 0").description]
    columns = {name: _plain(frame[name]).tolist() for name in known if name in frame}
    query = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    database.executemany(query, zip(*columns.values(), strict=True))


def read_frame(database: DiskTables, query: str) -> pd.DataFrame:
    """Read what fits into memory."""
    return pd.read_sql_query(query, database)


def read_pieces(database: DiskTables, query: str) -> Iterator[pd.DataFrame]:
    """Read what need not fit, 10,000 rows at a time; at least one piece, which has no rows where there are none."""
    yield from pd.read_sql_query(query, database, chunksize=PIECE_ROWS)


def read_numbers(database: DiskTables, query: str) -> Floats:
    """Read one column of numbers, none of them missing."""
    return np.fromiter((number for (number,) in database.execute(query)), np.float64)


def _plain(column: pd.Series) -> pd.Series:
    is_time = pd.api.types.is_datetime64_any_dtype(column)
    return column.dt.strftime("%Y-%m-%d %H:%M:%S") if is_time else column
