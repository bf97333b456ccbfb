"""Apply an initializer: a SQL query that turns the input's columns into Treeline's.

The query reads `input` and returns each of its rows once, with `treeline_row` untouched, `identifier` and `source_id`;
`uuid`, `license`, `source` and `title` if it has them, and any other columns. Rows whose `treeline_keep` is not true
are left out, by name. Comment lines at its top say what it needs: `-- required: a, b` columns that must be there,
`-- optional: c` columns that are null where the input has none, `-- makes: d` names that it gives itself, so that a
column of the input with that name becomes `input_d`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from treeline.choices import INITIALIZERS
from treeline.errors import InputError
from treeline.io.database import quote_identifier
from treeline.urls.read import ROW_NUMBER

INITIALIZERS_FOLDER = Path(__file__).parent / "initializers"
KEEP = "treeline_keep"
REQUIRED_OF_QUERY = (ROW_NUMBER, "identifier", "source_id")
DECLARATION = re.compile(r"^--\s*(required|optional|makes):(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Initializer:
    """An initializer's query, and the columns that it declares."""

    file: Path
    query: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without suffix, as in `filtered_by_<name>`."""
        return self.file.stem


def read_initializer(name: str) -> Initializer:
    """Read one of Treeline's initializers by name, or a user's SQL file by path.

    Raises:
        InputError: There is no such file.
    """
    file = INITIALIZERS_FOLDER / f"{name}.sql" if name in INITIALIZERS else Path(name)
    try:
        query = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fix = f"Give a SQL file, or one of {', '.join(INITIALIZERS)}."
        raise InputError(file, f"the initializer cannot be read ({error}).", fix=fix) from error
    declared: dict[str, tuple[str, ...]] = {}
    for keyword, names in DECLARATION.findall(query):
        declared[keyword] = declared.get(keyword, ()) + tuple(one.strip() for one in names.split(",") if one.strip())
    return Initializer(file, query.rstrip().rstrip(";"), **declared)


def initialize(connection: duckdb.DuckDBPyConnection, initializer: Initializer, input_name: str) -> None:
    """Make the view `initialized` out of the view `input`.

    Args:
        connection: The database that `treeline.urls.read` filled.
        initializer: The query.
        input_name: What to call the input in an error.

    Raises:
        InputError: The input lacks a required column, the query fails, or it returns too few columns.
    """
    present = column_names(connection, "input")
    known = {name.lower() for name in present}
    for name in initializer.required:
        if name.lower() not in known:
            found = ", ".join(column for column in present if column != ROW_NUMBER)
            fix = f"Add it, or use another initializer than {initializer.name}."
            raise InputError(input_name, f"the column is missing; the input has: {found}.", field=name, fix=fix)
    _declare_columns(connection, initializer, present)
    try:
        connection.execute(f"CREATE VIEW queried AS {initializer.query}")
        returned = column_names(connection, "queried")
    except duckdb.Error as error:
        raise InputError(initializer.file, f"the query is refused: {error}") from error
    for name in REQUIRED_OF_QUERY:
        if name not in (column.lower() for column in returned):
            fix = "Return it, as `SELECT *` does with every column of `input`."
            raise InputError(initializer.file, "the query does not return the column.", field=name, fix=fix)
    keep = "" if KEEP in returned else f", true AS {KEEP}"
    connection.execute(f"CREATE VIEW initialized AS SELECT *{keep} FROM queried")


def check_complete(connection: duckdb.DuckDBPyConnection, initializer: Initializer, table: str) -> None:
    """Check that a query returned each row of the input once, so that every row can be accounted for.

    Raises:
        InputError: It returned fewer or more; says how to leave rows out.
    """
    counted = connection.execute(
        f"SELECT (SELECT count(*) FROM input_rows), count(*), count(DISTINCT {ROW_NUMBER}) FROM {table}"
    ).fetchone()
    assert counted is not None
    if not counted[0] == counted[1] == counted[2]:
        fix = f"Return each row once; to leave some out, return a column `{KEEP}` that is false for them."
        raise InputError(
            initializer.file,
            f"the query returned {counted[1]} rows, {counted[2]} of the input's {counted[0]}.",
            fix=fix,
        )


def column_names(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Names of a table's or view's columns."""
    return [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]


def _declare_columns(connection: duckdb.DuckDBPyConnection, initializer: Initializer, present: list[str]) -> None:
    known = {name.lower() for name in present}
    needed = {name.lower() for name in (*initializer.required, *initializer.optional)}
    renamed = [
        f"{quote_identifier(name)} AS {quote_identifier(f'input_{name}')}"
        for name in present
        if name.lower() in {made.lower() for made in initializer.makes} - needed
    ]
    absent = [
        f"NULL::VARCHAR AS {quote_identifier(name)}" for name in initializer.optional if name.lower() not in known
    ]
    columns = "*" + (f" RENAME ({', '.join(renamed)})" if renamed else "")
    connection.execute("ALTER VIEW input RENAME TO input_as_read")
    connection.execute(f"CREATE VIEW input AS SELECT {', '.join([columns, *absent])} FROM input_as_read")
