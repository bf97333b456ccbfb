"""What the table of URLs said of images, as the batches of their shards have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from treeline.errors import InputError
from treeline.io.credits.columns import COLUMNS
from treeline.io.database import quote_identifier, quote_literal, quote_path
from treeline.schemas import NOT_PROVIDED

_BATCH = re.compile(r"(server_name=[^/]+/partition_id=\d+)/successes\.parquet")


def facts_of_shards(connection: duckdb.DuckDBPyConnection, root: Path, urls: Path, shards: Iterable[str]) -> str:
    """SQL of what is known of the images of some shards: `uuid` and `COLUMNS`, a row an image.

    Args:
        connection: The database.
        root: Folder that the shards' paths start from.
        urls: Folder of the batches.
        shards: Paths of their tables of images, such as a lookup table has. Of one that has no batch
            here its own columns count, and one that is not there has no rows.

    Raises:
        InputError: A file cannot be read.
    """
    batches, others = _files(root, urls, shards)
    relations = [_facts(connection, files) for files in (batches, others) if files]
    if not relations:
        return (
            f"(SELECT NULL::VARCHAR AS uuid, {', '.join(f'NULL::VARCHAR AS {name}' for name in COLUMNS)} WHERE false)"
        )
    if not others:
        return relations[0]
    # Only batches are sure to have an image once.
    packed = ", ".join(f"{name}: {name}" for name in COLUMNS)
    together = " UNION ALL ".join(f"FROM {relation}" for relation in relations)
    return f"(SELECT uuid, unnest(min({{{packed}}})) FROM ({together}) GROUP BY uuid)"


def given(columns: Mapping[str, str], name: str) -> str:
    """SQL of what a relation's columns say of one of `COLUMNS`: text, NULL where it is blank.

    Args:
        columns: The relation's columns, by their names in lower case.
        name: What is wanted.
    """
    found = [columns[column.lower()] for column in COLUMNS[name] if column.lower() in columns]
    blanks = "' ' || chr(9) || chr(10) || chr(13)"
    texts = [
        f"nullif(nullif(trim({quote_identifier(column)}::VARCHAR, {blanks}), ''), {quote_literal(NOT_PROVIDED)})"
        for column in found
    ]
    return f"coalesce({', '.join(texts)})" if texts else "NULL::VARCHAR"


def read_tables(connection: duckdb.DuckDBPyConnection, files: Iterable[Path]) -> tuple[str, dict[str, str]]:
    """SQL that reads Parquet files as one relation, and its columns by their names in lower case.

    Raises:
        InputError: A file cannot be read.
    """
    listed = [*files]
    relation = f"read_parquet([{', '.join(map(quote_path, listed))}], union_by_name = true, hive_partitioning = false)"
    try:
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    except duckdb.Error as error:
        fix = "Delete the file at fault and run its stage."
        raise InputError(listed[0].parent, f"the tables cannot be read: {error}", fix=fix) from None
    return relation, {name.lower(): name for name, *_ in described}


def _files(root: Path, urls: Path, shards: Iterable[str]) -> tuple[list[Path], list[Path]]:
    """Batches of the shards, and tables of those that have none."""
    batches: dict[Path, None] = {}
    others: list[Path] = []
    for shard in sorted(set(shards)):
        found = _BATCH.search(shard)
        batch = urls / found[1] / "urls.parquet" if found else None
        if batch is not None and batch.exists():
            batches[batch] = None
        elif (root / shard).exists():
            others.append(root / shard)
    return [*batches], others


def _facts(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> str:
    relation, columns = read_tables(connection, files)
    facts = ", ".join(f"{given(columns, name)} AS {name}" for name in COLUMNS)
    return f"(SELECT uuid::VARCHAR AS uuid, {facts} FROM {relation})"
