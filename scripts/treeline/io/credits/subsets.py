"""Images of which credits are wanted, whatever names them, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.credits.columns import COLUMNS
from treeline.io.credits.facts import given, read_tables
from treeline.io.credits.training_sets import Row, rows_of_training_set
from treeline.io.database import quote_identifier, quote_path
from treeline.io.delimited import delimited_rows, malformed_rows, sniff_dialect
from treeline.io.files import DELIMITED_SUFFIXES, PARQUET_SUFFIXES, table_suffix
from treeline.io.manifest import read_ignored, read_manifest
from treeline.paths import Paths

SUBSET = "subset"
"""The view that is made: `uuid`, `file`, `path`, and what the subset itself says of each image, as `COLUMNS`.

An image, of which there may be several rows, is called by its `uuid` or, where neither the subset nor the file's name
gives one, by its `file`; `uuid` is then a guess. `path` is that of the image's shard below the root, NULL where it is
not known.
"""

# What Treeline makes of an image is called by its uuid; crops have their number behind it.
_STEM = r"regexp_extract(file, '([^/]+?)(?:\.[^./]*)?$', 1)"
_UUID_OF_FILE = (
    r"nullif(regexp_extract(file, '([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(-\d{3})?(\.[^./]*)?$', 1), '')"
)

_ROWS_AT_ONCE = 10_000
_FINISHED = ("report.csv", "manifest.csv")
"""What a group's folder holds even if no image does belong to the group."""


def stage_collection(connection: duckdb.DuckDBPyConnection, paths: Paths) -> int:
    """Make the view `SUBSET` of all images that were downloaded.

    Returns:
        The number of rows.

    Raises:
        InputError: Nothing has been downloaded, or a shard cannot be read.
    """
    if not paths.manifest.exists():
        raise InputError(paths.manifest, "no such file: nothing has been downloaded.", fix="Run the stage download.")
    ignored = read_ignored(paths.ignored)
    shards = [shard for shard in read_manifest(paths.manifest) if shard.server not in ignored]
    files = [paths.shard(shard.server, shard.partition) / "successes.parquet" for shard in shards]
    present = ", ".join(quote_path(file) for file in files if file.exists())
    if not present:
        return _stage(connection, None, {}, paths.images)
    below_root = len(str(paths.root / "_"))  # position, from 1, of a path's first character below the root
    relation = f"""(
        SELECT uuid, substr(filename, {below_root}) AS path
        FROM read_parquet([{present}], filename = true, hive_partitioning = false)
    )"""
    return _stage(connection, relation, {"uuid": "uuid", "path": "path"}, paths.images)


def stage_subset(connection: duckdb.DuckDBPyConnection, what: Path) -> int:
    """Make the view `SUBSET` of what a file or folder names.

    Args:
        connection: The database.
        what: A Parquet, CSV or TSV file with a column `uuid` or `file`; a folder of such Parquet files, as of a lookup
            group, an extracted group or a dataset for Hugging Face; or a folder with a `metadata.h5`, or of a training
            set.

    Returns:
        The number of rows.

    Raises:
        InputError: There is no such thing, or it names no images.
    """
    if (rows := rows_of_training_set(what)) is not None:
        return _stage_rows(connection, rows, what)
    if what.is_dir():
        files = [file for file in sorted(what.rglob("*.parquet")) if _counts(file.relative_to(what))]
        if not files and not any((what / name).exists() for name in _FINISHED):
            raise InputError(what, "holds no table of images.", fix="Give a table, or the folder of a subset.")
        return stage_tables(connection, files, what)
    if not what.is_file():
        raise InputError(what, "there is no such file or folder.", fix="Give a table, or the folder of a subset.")
    suffix = table_suffix(what)
    if suffix in DELIMITED_SUFFIXES:
        return _stage_text(connection, what)
    if suffix not in PARQUET_SUFFIXES:
        known = ", ".join((*PARQUET_SUFFIXES, *DELIMITED_SUFFIXES))
        raise InputError(what, "is of an unknown format.", fix=f"Give one of: {known} (text also .gz, .zst).")
    return stage_tables(connection, [what], what)


def stage_tables(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], what: Path) -> int:
    """Make the view `SUBSET` of Parquet files, which may be none.

    Args:
        connection: The database.
        files: The tables.
        what: What to call them in an error.

    Returns:
        The number of rows.

    Raises:
        InputError: A file cannot be read, or has neither a column `uuid` nor `file`.
    """
    if not files:
        return _stage(connection, None, {}, what)
    return _stage(connection, *read_tables(connection, files), what)


def _stage_text(connection: duckdb.DuckDBPyConnection, what: Path) -> int:
    dialect = sniff_dialect(what)
    columns = {name.lower(): name for name in dialect.columns}
    try:
        rows = _stage(connection, delimited_rows(what, dialect), columns, what)
        malformed = malformed_rows(connection, dialect)
    except duckdb.Error as error:
        raise InputError(what, f"cannot be read: {error}") from None
    if malformed:
        raise InputError(what, f"{len(malformed)} malformed rows, the first is this one.", row=malformed[0])
    return rows


def _stage_rows(connection: duckdb.DuckDBPyConnection, rows: Iterator[Row], what: Path) -> int:
    """Make the view of rows that Python reads."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in Row._fields])
    empty = schema.empty_table()
    connection.register("some_rows", empty)
    connection.execute("CREATE OR REPLACE TEMP TABLE rows_of_subset AS FROM some_rows")
    while some := [row._asdict() for row in islice(rows, _ROWS_AT_ONCE)]:
        connection.register("some_rows", pa.Table.from_pylist(some, schema))
        connection.execute("INSERT INTO rows_of_subset FROM some_rows")
    connection.unregister("some_rows")
    return _stage(connection, "rows_of_subset", {name: name for name in Row._fields}, what)


def _stage(connection: duckdb.DuckDBPyConnection, relation: str | None, columns: dict[str, str], what: Path) -> int:
    """Make the view of a relation with these columns, by their names in lower case; of None, an empty one."""
    if relation is not None and not columns.keys() & {"uuid", "file"}:
        found = ", ".join(columns.values())
        raise InputError(what, f"there is no such column, and no 'file' either; found: {found}.", field="uuid")
    facts = ", ".join(f"{given(columns, name)} AS {name}" for name in COLUMNS)
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW {SUBSET} AS
        SELECT
            coalesce(image, nullif({_STEM}, '')) AS uuid,
            CASE WHEN image IS NULL THEN file END AS file,
            * EXCLUDE (image, file)
        FROM (
            SELECT coalesce(given_uuid, {_UUID_OF_FILE}) AS image, * EXCLUDE (given_uuid)
            FROM (
                SELECT {_text(columns, "uuid")} AS given_uuid, {_file(columns)} AS file,
                    {_text(columns, "path")} AS path, {facts}
                FROM {relation or "(SELECT 1 WHERE false)"}
            )
        )
    """)
    [(rows, nameless)] = connection.execute(f"SELECT count(*), count_if(uuid IS NULL) FROM {SUBSET}").fetchall()
    if nameless:
        raise InputError(what, f"{nameless} of {rows} rows name no image.", field="uuid", fix="Leave them out.")
    return int(rows)


def _text(columns: dict[str, str], name: str) -> str:
    return f"nullif({quote_identifier(columns[name])}::VARCHAR, '')" if name in columns else "NULL::VARCHAR"


def _file(columns: dict[str, str]) -> str:
    """SQL of an image's name: with its data set, where that is given, as files of two may be called the same."""
    file = _text(columns, "file")
    return f"coalesce({_text(columns, 'dataset')} || '/', '') || {file}" if "dataset" in columns else file


def _counts(path: Path) -> bool:
    """Whether a table below a folder is one of its own: neither unfinished, nor a copy of others by category."""
    return not any(part.startswith((".", "category=")) for part in path.parts)
