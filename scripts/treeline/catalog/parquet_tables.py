"""Write the catalogue's tables as Parquet, for Spark, pandas, Polars and the command line."""

from __future__ import annotations

from pathlib import Path

from treeline.catalog.database import TABLES, open_to_read
from treeline.io.atomic import atomic_folder
from treeline.io.database import quote_literal

SECRETS = {"datasets": "container_sas_key", "descriptions": "container_sas_key"}
"""Columns that never leave the database by this way."""

ORDER = {
    "ingests": "ingest",
    "datasets": "dataset",
    "descriptions": "dataset, ingest",
    "sequences": "sequence",
    "images": "image",
    "boxes": "image, ingest, box",
    "videos": "video",
    "classes": "dataset, class",
    "splits": "dataset, location",
    "split_entries": "dataset",
}


def write_tables(catalog: Path, folder: Path, *, memory_mb: int, threads: int) -> None:
    """Write each table to `<table>.parquet`, sorted, all of them or none.

    Raises:
        CatalogError: The catalogue cannot be read.
    """
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection, atomic_folder(folder) as target:
        for table in TABLES:
            columns = f"* EXCLUDE ({SECRETS[table]})" if table in SECRETS else "*"
            query = f"SELECT {columns} FROM {table} ORDER BY {ORDER[table]}"
            file = quote_literal(str(target / f"{table}.parquet"))
            connection.execute(f"COPY ({query}) TO {file} (FORMAT parquet, COMPRESSION zstd)")
