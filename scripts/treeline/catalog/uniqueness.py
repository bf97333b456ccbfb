"""Find names that are there twice among more of them than memory holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pyarrow as pa

ROWS_AT_ONCE = 50_000

_COLUMNS = {
    "rule": pa.string(),
    "scope": pa.string(),
    "name": pa.string(),
    "file": pa.string(),
    "place": pa.string(),
    "position": pa.int64(),
}
_DESCRIPTION = ", ".join(f"{name} {'BIGINT' if kind == pa.int64() else 'VARCHAR'}" for name, kind in _COLUMNS.items())


@dataclass(frozen=True)
class Repeat:
    """A name that was there before; `first_file` and `first_place` tell where."""

    rule: str
    name: str
    file: str
    place: str
    first_file: str
    first_place: str


class Names:
    """Names that must be unique, in a temporary table, which spills to the disk.

    Args:
        connection: Where the table is made.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._position = 0
        self._rows: list[tuple[str | int, ...]] = []
        connection.execute(f"CREATE OR REPLACE TEMP TABLE names_seen ({_DESCRIPTION})")

    def add(self, rule: str, scope: str, name: str, file: str, place: str) -> None:
        """Keep a name, which `rule` says must be unique in its scope."""
        self._position += 1
        self._rows.append((rule, scope, name, file, place, self._position))
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def repeats(self) -> Iterator[Repeat]:
        """Each name that was there before, in the order in which they came; forgets all of them then."""
        self._flush()
        found = self._connection.execute("""
            WITH repeated AS (
                SELECT rule, scope, name, min(position) AS position
                FROM names_seen
                GROUP BY ALL
                HAVING count(*) > 1
            ), firsts AS (
                SELECT repeated.*, file AS first_file, place AS first_place
                FROM repeated
                JOIN names_seen USING (rule, scope, name, position)
            )
            SELECT rule, name, file, place, first_file, first_place
            FROM names_seen AS seen
            JOIN firsts USING (rule, scope, name)
            WHERE seen.position > firsts.position
            ORDER BY seen.position
        """)
        while rows := found.fetchmany(ROWS_AT_ONCE):
            yield from (Repeat(*row) for row in rows)
        self._connection.execute("DROP TABLE names_seen")

    def _flush(self) -> None:
        if self._rows:
            columns = dict(zip(_COLUMNS, map(list, zip(*self._rows, strict=True)), strict=True))
            self._connection.register("names_lot", pa.table(columns, schema=pa.schema(_COLUMNS)))
            self._connection.execute("INSERT INTO names_seen SELECT * FROM names_lot")
            self._connection.unregister("names_lot")
            self._rows.clear()
