"""The metadata of a Camtrap DP package: what a package once brought, what the user gives, and what the tables say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from treeline.catalog.camtrap_package import TABLES, URL
from treeline.errors import InputError

PROJECT = ("title", "samplingDesign", "captureMethod", "individualAnimals")
"""What nobody but the user can know of the project that made the images."""


def package_metadata(connection: duckdb.DuckDBPyConnection, dataset: str, given: Path | None) -> dict[str, Any]:
    """Make the content of `datapackage.json`.

    Args:
        connection: Has the tables `package_deployments` and `package_observations`.
        dataset: The data set.
        given: A JSON file with what it shall say.

    Raises:
        InputError: Contributors or parts of the project are unknown.
    """
    [(stored,)] = connection.execute(
        "SELECT (properties -> 'package')::VARCHAR FROM datasets WHERE dataset = ?", [dataset]
    ).fetchall()
    known = {**json.loads(stored or "{}"), **_read(given)}
    _check_known(dataset, known)
    project = {"observationLevel": _levels(connection), **known["project"]}
    computed = {
        "name": _name(dataset),
        "created": _created(connection, dataset),
        "spatial": _spatial(connection),
        "temporal": _temporal(connection),
    }
    resources = [_resource(table) for table in TABLES] + known.get("resources", [])
    made = {"profile": f"{URL}/camtrap-dp-profile.json", "project": project, "taxonomic": _taxa(connection, known)}
    return {"resources": resources, **computed, **{k: v for k, v in known.items() if k != "resources"}, **made}


def _read(given: Path | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        metadata = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(given, f"cannot be read as JSON ({error}).", field="metadata") from None
    if not isinstance(metadata, dict):
        raise InputError(given, "expected an object.", field="metadata")
    return metadata


def _check_known(dataset: str, known: dict[str, Any]) -> None:
    project = known.get("project")
    missing = [] if known.get("contributors") else ["contributors"]
    missing += [f"project.{name}" for name in PROJECT if name not in (project if isinstance(project, dict) else {})]
    if missing:
        problem = f"Camtrap DP requires what the catalogue does not know: {', '.join(missing)}."
        raise InputError(f"data set {dataset}", problem, fix="Give metadata, a JSON file with them.")


def _resource(table: str) -> dict[str, str]:
    return {
        "name": table,
        "path": f"{table}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{URL}/{table}-table-schema.json",
    }


def _name(dataset: str) -> str:
    """The name as data packages want it: lower case letters, digits, `.`, `_` and `-`."""
    return "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "-" for one in dataset.lower())


def _created(connection: duckdb.DuckDBPyConnection, dataset: str) -> str:
    """When the data set's newest part was ingested: the same catalogue makes the same package."""
    [(newest,)] = connection.execute(
        """
        SELECT strftime(max(ingested_at), '%Y-%m-%dT%H:%M:%SZ')
        FROM ingests
        WHERE ingest IN (SELECT ingest FROM sequences WHERE dataset = ?)
        """,
        [dataset],
    ).fetchall()
    return str(newest)


def _levels(connection: duckdb.DuckDBPyConnection) -> list[str]:
    levels = connection.execute(
        "SELECT DISTINCT observation ->> 'observationLevel' AS level FROM package_observations ORDER BY level DESC"
    )
    return [level for (level,) in levels.fetchall()]


def _spatial(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """GeoJSON of the rectangle around the deployments, counterclockwise."""
    [(west, south, east, north)] = connection.execute("""
        SELECT min(longitude), min(latitude), max(longitude), max(latitude)
        FROM (
            SELECT (deployment ->> 'longitude')::DOUBLE AS longitude, (deployment ->> 'latitude')::DOUBLE AS latitude
            FROM package_deployments
        )
    """).fetchall()
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}


def _temporal(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    [(start, end)] = connection.execute("""
        SELECT left(min(deployment ->> 'deploymentStart'), 10), left(max(deployment ->> 'deploymentEnd'), 10)
        FROM package_deployments
    """).fetchall()
    return {"start": start, "end": end}


def _taxa(connection: duckdb.DuckDBPyConnection, known: dict[str, Any]) -> list[dict[str, Any]]:
    taxa = list(known.get("taxonomic", ()))
    listed = {taxon["scientificName"] for taxon in taxa}
    names = connection.execute("""
        SELECT DISTINCT observation ->> 'scientificName' AS name
        FROM package_observations
        WHERE name IS NOT NULL
        ORDER BY name
    """)
    return taxa + [{"scientificName": name} for (name,) in names.fetchall() if name not in listed]
