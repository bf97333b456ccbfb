"""Read Camtrap DP: a package's deployments, media and observations (`camtrap_package.py`).

The metadata are checked with frictionless, the rows by the same schemas in SQL (`table_schema.py`). What has no column
in the catalogue is kept: a deployment and the metadata with the data set, a media file's columns with its image or
video, an observation with its box, image or sequence. `camtrap_dp.sql` says what becomes what.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from typing import Any

import duckdb

from treeline.catalog.camtrap_package import CATEGORY_TAG, TABLES, CamtrapPackage, table_schema
from treeline.catalog.camtrap_zip import opened_package
from treeline.catalog.database import read_sql
from treeline.catalog.sources import Source
from treeline.catalog.stager import Stager
from treeline.catalog.table_schema import TableSchema, check_rows, typed_rows
from treeline.io.database import quote_identifier, quote_literal
from treeline.io.tables import LoadedTable, loaded_table, scratch_of

log = logging.getLogger(__name__)

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")


def stage(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Read a package.

    Raises:
        InputError: It is no Camtrap DP, or a row breaks the specification.
    """
    with opened_package(source.path, scratch_of(connection)) as package:
        _stage_package(connection, package, source)


def _stage_package(connection: duckdb.DuckDBPyConnection, package: CamtrapPackage, source: Source) -> None:
    dataset = source.dataset or package.metadata.get("name") or source.name
    connection.execute(f"SET VARIABLE camtrap_dataset = {quote_literal(dataset)}")
    connection.execute(f"SET VARIABLE camtrap_group = {quote_literal(CATEGORY_TAG)}")
    with ExitStack() as stack:
        tables = {name: stack.enter_context(loaded_table(connection, file)) for name, file in package.tables.items()}
        for name, table in tables.items():
            schema = table_schema(name)
            check_rows(connection, table, schema, tables)
            _make_view(connection, name, table, schema)
        connection.execute(read_sql("readers/camtrap_dp.sql"))
        if source.boxes_complete:
            connection.execute("UPDATE staged_images SET annotated = true")
        _stage_dataset(connection, package, dataset)
        for name in TABLES:
            connection.execute(f"DROP VIEW camtrap_{name}")


def _make_view(connection: duckdb.DuckDBPyConnection, name: str, table: LoadedTable, schema: TableSchema) -> None:
    """A view of the rows, typed, with `object`: the row as JSON without what is missing."""
    columns = [*schema.names, *(column for column in table.columns if column not in schema.names)]
    pairs = ", ".join(f"{quote_literal(column)}, {quote_identifier(column)}" for column in columns)
    connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW camtrap_{name} AS
        SELECT *, json_merge_patch('{{}}'::JSON, json_object({pairs})) AS object FROM ({typed_rows(table, schema)})
    """)


def _stage_dataset(connection: duckdb.DuckDBPyConnection, package: CamtrapPackage, dataset: str) -> None:
    metadata = package.metadata
    kept: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    for resource in metadata["resources"]:
        if resource["name"] not in TABLES:
            (kept if "data" in resource else left).append(resource)
    if left:
        log.warning("%s: not read: %s", package.file, ", ".join(resource["name"] for resource in left))
    [(deployments,)] = connection.execute(
        "SELECT to_json(list(object ORDER BY row))::VARCHAR FROM camtrap_deployments"
    ).fetchall()
    properties = {
        "package": {**metadata, "resources": kept},
        "deployments": json.loads(deployments),
        "license": _license(metadata),
        "rights_holder": _rights_holder(metadata),
    }
    with Stager(connection) as stager:
        stager.add("staged_datasets", dataset=dataset, properties=_as_json(properties))
        for taxon in metadata["taxonomic"]:
            stager.add(
                "staged_classes",
                dataset=dataset,
                **{"class": taxon["scientificName"]},
                properties=_as_json(_class_properties(taxon)),
            )


def _class_properties(taxon: dict[str, Any]) -> dict[str, Any]:
    return {
        "scientific_name": taxon["scientificName"],
        "common_name": taxon.get("vernacularNames", {}).get("eng"),
        "taxon_id": taxon.get("taxonID"),
        "taxon_rank": taxon.get("taxonRank"),
        **{rank: taxon.get(rank) for rank in RANKS},
    }


def _license(metadata: dict[str, Any]) -> str | None:
    of_media = [entry for entry in metadata.get("licenses", ()) if entry["scope"] == "media"]
    return next((entry.get("name") or entry.get("path") for entry in of_media), None)


def _rights_holder(metadata: dict[str, Any]) -> str | None:
    holders = [one["title"] for one in metadata["contributors"] if one.get("role") == "rightsHolder"]
    return ", ".join(holders) or None


def _as_json(properties: dict[str, Any]) -> str:
    given = {key: value for key, value in properties.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
