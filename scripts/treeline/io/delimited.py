"""Read CSV and TSV files into a table of strings, setting malformed rows aside by number."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal, quote_path

DELIMITERS = (",", "\t", ";", "|")
MAX_ROW_BYTES = 16 * 1024**2
HEADER_BYTES = 1024**2
COPY_BYTES = 8 * 1024**2
MALFORMED_FIELDS = "malformed_fields"
MALFORMED_SCANS = "malformed_scans"


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written.

    Args:
        columns: Their names, unique without regard to case.
        delimiter: Between fields, one character.
        quote: Around fields, one character; empty where quotes are ordinary characters.
        skip: Lines before the first row.
        encoding: `utf-8`, `latin-1` or `utf-16`.
    """

    columns: tuple[str, ...]
    delimiter: str
    quote: str
    skip: int = 1
    encoding: str = "utf-8"


def sniff_dialect(file: Path) -> Dialect:
    """Read the header line: its most frequent delimiter is the file's.

    Tab-separated files have no quoting, as the media type text/tab-separated-values has none and as GBIF writes them:
    a quote in such a file is a character of the text. All others are quoted as in RFC 4180.

    Raises:
        InputError: The file is empty, cannot be read, or is not UTF-8.
    """
    try:
        with pa.input_stream(str(file), compression="detect") as stream:
            head = stream.read(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(file, f"cannot be read ({error}).") from error
    first_line = head.splitlines()[0] if head else ""
    if not first_line.strip():
        raise InputError(file, "is empty or has no header line.", fix="Give it a first line with the columns' names.")
    if "\ufffd" in first_line or "\0" in first_line:
        raise InputError(file, "the header line is not UTF-8.", fix="Convert the file to UTF-8.")
    delimiter = max(DELIMITERS, key=first_line.count)
    if delimiter == "\t":
        return Dialect(unique_names(first_line.split("\t")), delimiter, quote="")
    if first_line.count('"') % 2:
        raise InputError(file, "a column's name holds a line break.", fix="Give the header one line.")
    return Dialect(unique_names(next(csv.reader([first_line], delimiter=delimiter))), delimiter, quote='"')


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Name the nameless columns, and tell columns of the same name (DuckDB ignores case) apart by a number."""
    unique: dict[str, str] = {}
    for position, given in enumerate(names, start=1):
        name = candidate = given.strip() or f"column_{position}"
        number = 1
        while candidate.lower() in unique:
            candidate, number = f"{name}_{number}", number + 1
        unique[candidate.lower()] = candidate
    return tuple(unique.values())


def load_delimited(
    connection: duckdb.DuckDBPyConnection, file: Path, dialect: Dialect, table: str, scratch: Path
) -> list[int]:
    """Append a file's rows to `table`, matching columns by name.

    A row with too few or too many fields, a stray quote, more than `MAX_ROW_BYTES`, or bytes that are not of the
    encoding is malformed. Blank lines are no rows.

    Args:
        connection: Where `table` is; all columns of the dialect are among its own.
        file: The file, compressed or not.
        dialect: How it is written.
        table: Name of the table.
        scratch: Folder for a copy of the file, made only if its lines end in several ways.

    Returns:
        The one-based numbers of the malformed rows, which are not in the table.

    Raises:
        InputError: The file cannot be read at all, such as a corrupt compressed one.
    """
    try:
        try:
            return _load(connection, file, dialect, table)
        except duckdb.InvalidInputException:
            # DuckDB's strict parser gives up on a file whose lines do not all end alike; its lenient one loses fields.
            copy = scratch / "same_line_ends"
            _copy_with_same_line_ends(file, copy)
            try:
                return _load(connection, copy, dialect, table)
            finally:
                copy.unlink()
    except (duckdb.Error, OSError) as error:
        raise InputError(file, f"cannot be read as delimited text: {error}") from error


def delimited_rows(file: Path, dialect: Dialect) -> str:
    """SQL that reads a file's well-formed rows; `malformed_rows` tells the others once it has been run."""
    columns = ", ".join(f"{quote_literal(name)}: 'VARCHAR'" for name in dialect.columns)
    return f"""read_csv(
        {quote_path(file)}, auto_detect = false, columns = {{{columns}}},
        delim = {quote_literal(dialect.delimiter)}, quote = {quote_literal(dialect.quote)},
        escape = {quote_literal(dialect.quote)}, encoding = {quote_literal(dialect.encoding)},
        header = {dialect.skip > 0}, skip = {max(dialect.skip - 1, 0)}, max_line_size = {MAX_ROW_BYTES},
        store_rejects = true, rejects_table = '{MALFORMED_FIELDS}', rejects_scan = '{MALFORMED_SCANS}'
    )"""


def malformed_rows(connection: duckdb.DuckDBPyConnection, dialect: Dialect) -> list[int]:
    """The one-based numbers of the rows that `delimited_rows` has set aside since this was last asked."""
    lines = connection.execute(f"SELECT DISTINCT line FROM {MALFORMED_FIELDS} ORDER BY line").fetchall()
    _forget_malformed_rows(connection)
    return [line - dialect.skip for (line,) in lines]


def _load(connection: duckdb.DuckDBPyConnection, file: Path, dialect: Dialect, table: str) -> list[int]:
    try:
        rows = delimited_rows(file, dialect)
        connection.execute(f"INSERT INTO {quote_identifier(table)} BY NAME SELECT * FROM {rows}")
        return malformed_rows(connection, dialect)
    finally:
        _forget_malformed_rows(connection)


def _forget_malformed_rows(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {MALFORMED_FIELDS}; DROP TABLE IF EXISTS {MALFORMED_SCANS}")


def _copy_with_same_line_ends(file: Path, copy: Path) -> None:
    with pa.input_stream(str(file), compression="detect") as source, copy.open("wb") as target:
        while chunk := source.read(COPY_BYTES):
            while chunk.endswith(b"\r") and (following := source.read(1)):
                chunk += following
            target.write(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
