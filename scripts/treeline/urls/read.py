"""Read the input, of whatever format, into DuckDB as one view: `input`.

Every row has a number, `treeline_row`, that stands for its file and its place there until the end of the stage.
"""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.darwin_core import ArchiveTable, extract_table, read_description
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.io.delimited import Dialect, load_delimited, sniff_dialect
from treeline.io.files import ARCHIVE_SUFFIX, PARQUET_SUFFIXES, table_suffix

ROW_NUMBER = "treeline_row"
RESERVED_PREFIX = "treeline_"
MULTIMEDIA_ROW_TYPES = ("multimedia", "image", "media")

logger = logging.getLogger(__name__)


def read_input(connection: duckdb.DuckDBPyConnection, files: list[Path], scratch: Path) -> None:
    """Make the view `input`, and the tables that tell where its rows come from.

    - `input`: the rows, all columns of all files, strings unless every file with the column is Parquet;
      `treeline_row` numbers them in the order of files and rows.
    - `input_files(input_file, first_row)`: the `treeline_row` that each file starts with.
    - `malformed_rows(input_file, input_row)`: rows that could not be read; one-based place in the file.

    Args:
        connection: The database.
        files: CSV, TSV (.gz, .zst) and Parquet files, or one Darwin Core archive.
        scratch: Folder for extracted files.

    Raises:
        InputError: A file cannot be read, there are no rows at all, or a column's name is one of ours.
    """
    connection.execute("CREATE TABLE input_files(input_file VARCHAR, first_row BIGINT)")
    connection.execute("CREATE TABLE malformed_rows(input_file VARCHAR, input_row BIGINT)")
    if any(table_suffix(file) == ARCHIVE_SUFFIX for file in files):
        _read_archive(connection, files, scratch)
    else:
        _read_tables(connection, files, scratch)
    if not _count(connection, "input_rows") + _count(connection, "malformed_rows"):
        raise InputError(", ".join(map(str, files)), "there are no rows.", fix="Check path_to_input.")


def _read_tables(connection: duckdb.DuckDBPyConnection, files: list[Path], scratch: Path) -> None:
    dialects = {file: sniff_dialect(file) for file in files if table_suffix(file) not in PARQUET_SUFFIXES}
    columns: dict[str, tuple[str, str]] = {}
    for file in files:
        for name, kind in _columns_of(connection, file, dialects.get(file)):
            _, known = columns.setdefault(name.lower(), (name, kind))
            if kind != known:
                columns[name.lower()] = (columns[name.lower()][0], "VARCHAR")
            if name.lower().startswith(RESERVED_PREFIX):
                raise InputError(file, "the name is kept for Treeline's own use.", field=name, fix="Rename it.")
    _create_table(connection, "input_rows", dict(columns.values()))
    for file in files:
        if file in dialects:
            _load_rows(connection, file, file, dialects[file], scratch)
        else:
            _load_parquet(connection, file)
    connection.execute(f"CREATE VIEW input AS SELECT rowid AS {ROW_NUMBER}, * FROM input_rows")


def _columns_of(connection: duckdb.DuckDBPyConnection, file: Path, dialect: Dialect | None) -> list[tuple[str, str]]:
    if dialect is not None:
        return [(name, "VARCHAR") for name in dialect.columns]
    try:
        described = connection.execute(f"DESCRIBE FROM read_parquet({quote_path(file)})").fetchall()
    except duckdb.Error as error:
        raise InputError(file, f"is not a readable Parquet file: {error}") from error
    return [(name, kind) for name, kind, *_ in described]


def _load_rows(
    connection: duckdb.DuckDBPyConnection, name: Path | str, file: Path, dialect: Dialect, scratch: Path
) -> None:
    first_row = _count(connection, "input_rows")
    malformed = load_delimited(connection, file, dialect, "input_rows", scratch)
    _note_file(connection, name, first_row)
    if malformed:
        logger.warning("%s: %d malformed rows, the first is row %d", name, len(malformed), malformed[0])
        connection.execute("INSERT INTO malformed_rows SELECT ?, unnest(?)", [str(name), malformed])


def _load_parquet(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    first_row = _count(connection, "input_rows")
    try:
        connection.execute(f"INSERT INTO input_rows BY NAME FROM read_parquet({quote_path(file)})")
    except duckdb.Error as error:
        raise InputError(file, f"is not a readable Parquet file: {error}") from error
    _note_file(connection, file, first_row)


def _note_file(connection: duckdb.DuckDBPyConnection, name: Path | str, first_row: int) -> None:
    # A file without rows has no first one, and two files must not start with the same.
    rows = _count(connection, "input_rows") - first_row
    logger.info("%s: %d rows", name, rows)
    if rows:
        connection.execute("INSERT INTO input_files VALUES (?, ?)", [str(name), first_row])


def _read_archive(connection: duckdb.DuckDBPyConnection, files: list[Path], scratch: Path) -> None:
    """Read the multimedia extension, each row with the columns of its core record; without one, the core."""
    if len(files) > 1:
        raise InputError(files[0], "a Darwin Core archive has to be the only input.", fix="Run one archive at a time.")
    archive = files[0]
    core, extensions = read_description(archive)
    images = next((table for table in extensions if table.row_type in MULTIMEDIA_ROW_TYPES), None)
    main = images or core
    _create_table(connection, "input_rows", dict.fromkeys(main.dialect.columns, "VARCHAR"))
    extracted = scratch / "table.txt"
    extract_table(archive, main, extracted)
    _load_rows(connection, f"{archive}/{main.location}", extracted, main.dialect, scratch)
    extracted.unlink()
    columns = [f"media.{quote_identifier(name)}" for name in main.dialect.columns] + _constants(main)
    join = ""
    if images is not None:
        _load_core(connection, archive, core, scratch)
        taken = {name.lower() for name in (*images.dialect.columns, *images.defaults)}
        columns += [
            f"core.{quote_identifier(name)} AS {quote_identifier(f'core_{name}' if name.lower() in taken else name)}"
            for name in (*core.dialect.columns, *core.defaults)
        ]
        join = f"LEFT JOIN core ON media.{quote_identifier(images.key)} = core.{quote_identifier(core.key)}"
    connection.execute(
        f"CREATE VIEW input AS SELECT media.rowid AS {ROW_NUMBER}, {', '.join(columns)} FROM input_rows AS media {join}"
    )


def _load_core(connection: duckdb.DuckDBPyConnection, archive: Path, core: ArchiveTable, scratch: Path) -> None:
    _create_table(connection, "core", dict.fromkeys(core.dialect.columns, "VARCHAR"))
    extracted = scratch / "core.txt"
    extract_table(archive, core, extracted)
    malformed = load_delimited(connection, extracted, core.dialect, "core", scratch)
    extracted.unlink()
    if malformed:
        logger.warning(
            "%s/%s: %d malformed records; their images have none of its columns", archive, core.location, len(malformed)
        )
    key = quote_identifier(core.key)
    repeated = connection.execute(
        f"SELECT {key} FROM core WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if repeated is not None:
        raise InputError(archive, f"{core.location} has the record {repeated[0]!r} more than once.", field=core.key)
    for name, value in core.defaults.items():
        connection.execute(
            f"ALTER TABLE core ADD COLUMN {quote_identifier(name)} VARCHAR DEFAULT {quote_literal(value)}"
        )


def _constants(table: ArchiveTable) -> list[str]:
    return [f"{quote_literal(value)} AS {quote_identifier(name)}" for name, value in table.defaults.items()]


def _create_table(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]) -> None:
    described = ", ".join(f"{quote_identifier(name)} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table}({described})")


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert counted is not None
    return int(counted[0])
