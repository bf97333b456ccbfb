"""Camtrap DP, the data package of camera traps: three tables and the metadata in `datapackage.json`.

Format: https://camtrap-dp.tdwg.org, version 1.0.2. What it asks is in `resources/schemas/camtrap-dp-1.0.2`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treeline.catalog.table_schema import TableSchema, read_schema
from treeline.errors import InputError

SCHEMAS = Path(__file__).parents[3] / "resources" / "schemas" / "camtrap-dp-1.0.2"
TABLES = ("deployments", "media", "observations")
DESCRIPTOR = "datapackage.json"
URL = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
CATEGORY_TAG = "category:group"
"""Marks, among an observation's tags, the box of a group: Camtrap DP has no type for it."""

PROBLEMS_NAMED = 10


@dataclass(frozen=True)
class CamtrapPackage:
    """A package of which the metadata is read and checked.

    Args:
        file: Its `datapackage.json`.
        metadata: All of that.
        tables: File of each of the three tables.
    """

    file: Path
    metadata: dict[str, Any]
    tables: dict[str, Path]


def table_schema(table: str) -> TableSchema:
    """The schema of one of the three tables."""
    return read_schema(schema_file(table))


def schema_file(table: str) -> Path:
    """Where the schema of one of the three tables lies."""
    return SCHEMAS / f"{table}-table-schema.json"


def read_package(path: Path) -> CamtrapPackage:
    """Read a package's metadata.

    Args:
        path: The package's folder, or its `datapackage.json`.

    Raises:
        InputError: It is no Camtrap DP 1.0, or a table is not beside it as one file.
    """
    file = path / DESCRIPTOR if path.is_dir() else path
    try:
        metadata = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror}).", fix="Give the package's folder.") from None
    except ValueError as error:
        raise InputError(file, f"is no JSON in UTF-8: {error}.") from None
    check_metadata(file, metadata)
    resources = {resource["name"]: resource for resource in metadata["resources"]}
    return CamtrapPackage(file, metadata, {name: _table_file(file, resources[name]) for name in TABLES})


def check_metadata(file: Path, metadata: object) -> None:
    """Check a package's metadata, with frictionless and by the profile of Camtrap DP.

    Raises:
        InputError: Something is wrong; names up to ten problems.
    """
    from frictionless import FrictionlessException, Metadata, Package

    if not isinstance(metadata, dict):
        raise InputError(file, "expected an object.")
    profile = json.loads((SCHEMAS / "camtrap-dp-profile.json").read_text(encoding="utf-8"))
    problems = [error.note for error in Metadata.metadata_validate(metadata, profile=profile)]
    if not problems:
        try:
            Package.from_descriptor(offline(metadata))
        except FrictionlessException as error:
            problems = [reason.note for reason in error.reasons or [error.error]]
    if problems:
        named = "".join(f"\n  {problem}" for problem in problems[:PROBLEMS_NAMED])
        more = f"\n  and {len(problems) - PROBLEMS_NAMED} more" if len(problems) > PROBLEMS_NAMED else ""
        raise InputError(file, f"is no Camtrap DP 1.0.2:{named}{more}")


def offline(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata with the three tables' schemas inside it, and nothing that frictionless would have to fetch."""
    resources = []
    for resource in metadata["resources"]:
        if resource["name"] in TABLES:
            schema = json.loads(schema_file(resource["name"]).read_text(encoding="utf-8"))
            resources.append({**resource, "schema": schema})
        elif not isinstance(resource.get("schema"), str):
            resources.append(resource)
    return {**{key: value for key, value in metadata.items() if key != "profile"}, "resources": resources}


def _table_file(file: Path, resource: dict[str, Any]) -> Path:
    paths = resource["path"] if isinstance(resource["path"], list) else [resource["path"]]
    if len(paths) != 1:
        raise InputError(file, f"{resource['name']} is in {len(paths)} files.", field="path", fix="Join them into one.")
    table = Path(str(paths[0]))
    if table.is_absolute() or ".." in table.parts or "://" in str(paths[0]):
        problem = f"{resource['name']} is not in the package's folder: {paths[0]}."
        raise InputError(file, problem, field="path", fix="Put the file beside datapackage.json.")
    return file.parent / table
