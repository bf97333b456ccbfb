"""Write MegaDB JSON: a folder with sequences.json, datasets.json and splits.json.

The format: https://github.com/agentmorris/MegaDetector, `megadetector/data_management/megadb`. What it has no key for
stands beside its keys, which it allows: sizes, uuids, videos, and under `detections` the boxes of a detector, which are
no annotations.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from treeline.catalog.database import read_sql
from treeline.catalog.exports.lots import choose_datasets, lots, write_items
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.megadb_rows import NO_CONTAINER, NO_KEY
from treeline.io.atomic import atomic_folder
from treeline.io.database import quote_literal

DATASETS = f"""
    SELECT json_of([
        member('dataset_name', dataset),
        member('storage_account', coalesce(storage_account, '')),
        member('container', coalesce(container, {quote_literal(NO_CONTAINER)})),
        member('path_prefix', coalesce(path_prefix, '')),
        member('container_sas_key', CASE
            WHEN getvariable('with_secrets') THEN coalesce(container_sas_key, {quote_literal(NO_KEY)})
            ELSE {quote_literal(NO_KEY)}
        END),
        member('access', coalesce(access, [])),
        member('comment', comment),
        members_except(properties, CASE WHEN getvariable('is_unhoisted') THEN hoisted ELSE [] END)
    ])
    FROM datasets
    WHERE ingest IS NOT NULL AND list_contains(getvariable('datasets'), dataset)
    ORDER BY dataset
"""

SPLITS = """
    WITH others AS (  -- locations that are no text: `location` is their JSON
        SELECT dataset, location
        FROM sequences
        GROUP BY dataset, location
        HAVING count(properties -> '$.location') = count(*)  -- where a sequence has it as text, that is what it is
        UNION
        SELECT dataset, unnest(not_text) FROM split_entries
    ), locations AS (
        SELECT
            dataset,
            location,
            split,
            CASE WHEN others.location IS NULL THEN to_json(splits.location)::VARCHAR ELSE location END AS text
        FROM splits
        LEFT JOIN others USING (dataset, location)
    )
    SELECT json_of([
        member('dataset', dataset),
        '"train":[' || coalesce(string_agg(text, ',' ORDER BY location) FILTER (split = 'train'), '') || ']',
        '"val":[' || coalesce(string_agg(text, ',' ORDER BY location) FILTER (split = 'val'), '') || ']',
        '"test":[' || coalesce(string_agg(text, ',' ORDER BY location) FILTER (split = 'test'), '') || ']',
        members(any_value(entry.properties))
    ])
    FROM (SELECT dataset FROM splits UNION SELECT dataset FROM split_entries)
    LEFT JOIN split_entries AS entry USING (dataset)
    LEFT JOIN locations USING (dataset)
    WHERE getvariable('is_whole') OR list_contains(getvariable('datasets'), dataset)
    GROUP BY dataset
    ORDER BY dataset
"""
"""Of the whole catalogue, those of data sets that it does not hold too."""


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: ExportOptions) -> dict[str, int]:
    """Write the three tables to the folder `target`; sequences by data set and name, images by frame.

    Without `with_secrets`, every `container_sas_key` is `NO_KEY`: the format requires one, and this one has expired.

    Returns:
        Numbers of sequences, data sets and splits.
    """
    datasets = choose_datasets(connection, options)
    connection.execute(f"SET VARIABLE is_unhoisted = {options.is_unhoisted}")
    connection.execute(f"SET VARIABLE is_whole = {not options.datasets}")
    connection.execute(f"SET VARIABLE with_secrets = {options.with_secrets}")
    connection.execute(f"SET VARIABLE datasets = [{', '.join(quote_literal(name) for name in datasets)}]")
    with atomic_folder(target) as folder:
        return {
            "sequences": _write_sequences(connection, folder / "sequences.json"),
            "data sets": _write_table(connection, folder / "datasets.json", DATASETS),
            "splits": _write_table(connection, folder / "splits.json", SPLITS),
        }


def _write_sequences(connection: duckdb.DuckDBPyConnection, file: Path) -> int:
    query = read_sql("exports/megadb.sql")
    written = 0
    with file.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for _ in lots(connection):
            written += write_items(connection, stream, query, written=written)
        stream.write("\n]\n")
    return written


def _write_table(connection: duckdb.DuckDBPyConnection, file: Path, query: str) -> int:
    with file.open("w", encoding="utf-8") as stream:
        stream.write("[")
        written = write_items(connection, stream, query)
        stream.write("\n]\n")
    return written
