"""Ask the catalogue: read only, several readers at once, none for ever."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Timer
from typing import Any, TypeAlias

import duckdb

from treeline.catalog.answer_files import write_answer
from treeline.catalog.browse.queries import Query
from treeline.catalog.database import NAME, open_to_read, read_sql
from treeline.errors import TreelineError

CONNECTIONS = 4
LONGEST_QUERY_SECONDS = 20.0
REMEMBERED_ANSWERS = 256

Row = dict[str, Any]
Connections: TypeAlias = "SimpleQueue[duckdb.DuckDBPyConnection]"


class TookTooLongError(TreelineError):
    """A query was ended, or none could begin, after `LONGEST_QUERY_SECONDS`."""

    def __init__(self) -> None:
        super().__init__(
            f"The answer took longer than {LONGEST_QUERY_SECONDS:.0f} s. Search for less, or ask with treeline query."
        )


class Reader:
    """Answers queries on a catalogue; made by `open_reader`.

    Args:
        connections: Each serves one query at a time; the last one serves answers of any size alone.
    """

    def __init__(self, connections: list[duckdb.DuckDBPyConnection]) -> None:
        self._free: Connections = SimpleQueue()
        self._free_for_files: Connections = SimpleQueue()
        for connection in connections[:-1]:
            self._free.put(connection)
        self._free_for_files.put(connections[-1])
        self._answers: OrderedDict[str, list[Row]] = OrderedDict()
        self._lock = Lock()

    def rows(self, query: Query) -> list[Row]:
        """All rows of an answer.

        Raises:
            TookTooLongError: It took too long.
        """
        with _borrowed(self._free, LONGEST_QUERY_SECONDS) as connection:
            cursor = connection.execute(query.sql, dict(query.parameters))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def remembered(self, query: Query) -> list[Row]:
        """The same, asked only once: the catalogue does not change while it is open."""
        key = query.as_text()
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        answer = self.rows(query)
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def write(self, query: Query, target: Path) -> None:
        """Write an answer of any size as CSV or Parquet, whole, for as long as it takes."""
        with _borrowed(self._free_for_files, None) as connection:
            write_answer(connection, query.as_text(), target)


@contextmanager
def _borrowed(free: Connections, seconds: float | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Take a connection, and interrupt what it does after some seconds."""
    try:
        connection = free.get(timeout=LONGEST_QUERY_SECONDS)
    except Empty:
        raise TookTooLongError from None
    timer = None if seconds is None else Timer(seconds, connection.interrupt)
    try:
        if timer is not None:
            timer.daemon = True
            timer.start()
        yield connection
    except duckdb.InterruptException:
        raise TookTooLongError from None
    finally:
        if timer is not None:
            timer.cancel()
        free.put(connection)


@contextmanager
def open_reader(catalog: Path, *, memory_mb: int, threads: int) -> Iterator[Reader]:
    """Open a catalogue so that nothing that is asked of it can change it, or read another file.

    Args:
        catalog: The database's file.
        memory_mb: Memory of the process in MiB.
        threads: Number of threads of the database.

    Raises:
        CatalogError: There is no such file, it is no catalogue, or it is being written.
    """
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection:
        connections = [connection.cursor() for _ in range(CONNECTIONS)]
        for cursor in connections:
            cursor.execute(f"USE {NAME}")
            cursor.execute(read_sql("views.sql"))
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            yield Reader(connections)
        finally:
            for cursor in connections:
                cursor.interrupt()
                cursor.close()
