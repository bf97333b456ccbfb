"""Tables in HDF5 that pandas and h5py read alike: compound rows, and the same bytes for the same table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

ROWS_OF_A_PIECE = 10_000


def put_table(store: pd.HDFStore, name: str, table: pd.DataFrame) -> None:
    """Write a table as `/<name>/table`; one without rows is not written. Text that is missing becomes empty."""
    _put(store, name, with_plain_text(table).reset_index(drop=True), append=False)


def append_table(store: pd.HDFStore, name: str, table: pd.DataFrame, rows_before: int) -> None:
    """Write rows of numbers after the `rows_before` that the table has."""
    _put(store, name, table.set_axis(range(rows_before, rows_before + len(table))), append=True)


def _put(store: pd.HDFStore, name: str, table: pd.DataFrame, *, append: bool) -> None:
    if table.empty:  # pandas leaves it out too, but warns
        return
    # No times in the file; `nan_rep`: what pandas reads back as missing, "nan" otherwise.
    store.put(name, table, format="table", append=append, data_columns=True, index=False, track_times=False, nan_rep="")


def with_plain_text(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with its text as Python's strings, empty where it is missing."""
    plain = table.copy(deep=False)
    for column in table:
        if _is_text(table[column]):
            plain[column] = table[column].fillna("").astype(object)
    return plain


def get_table(store: pd.HDFStore, name: str) -> pd.DataFrame:
    """Read what `put_table` has written, in pieces: pandas makes an object of each text of what it reads at once."""
    return pd.concat([_with_shared_text(piece) for piece in get_pieces(store, name)])


def get_pieces(store: pd.HDFStore, name: str) -> Iterator[pd.DataFrame]:
    """Read what `put_table` has written, 10,000 rows at a time."""
    file: Any = store
    for start in range(0, int(file.get_storer(name).nrows), ROWS_OF_A_PIECE):
        yield with_plain_text(file.select(name, start=start, stop=start + ROWS_OF_A_PIECE))


def _with_shared_text(table: pd.DataFrame) -> pd.DataFrame:
    """The same table, in which equal texts of a column are one object."""
    shared = table.copy(deep=False)
    for column in table:
        if _is_text(table[column]):
            codes, values = pd.factorize(table[column])
            shared[column] = values.take(codes)
    return shared


def _is_text(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)
