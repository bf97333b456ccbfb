"""Under which licence each image may be used: results do not say it, a table of the images does."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, cast

from treeline.errors import InputError
from treeline.io.results import Results


def add_licenses(results: Results, table: Path) -> None:
    """Give each image that a table knows the field `license`, in place.

    Args:
        results: Their images are looked up.
        table: CSV, or Parquet such as a shard's `successes.parquet`, with a column `license` and a column `file`, the
            image's name in the results, or `uuid`, its base name without the extension.

    Raises:
        InputError: A column is missing, or the table gives an image two licences.
    """
    key, pairs = _read_parquet(table) if table.suffix == ".parquet" else _read_csv(table)
    licenses: dict[str, str] = {}
    for number, (name, license) in enumerate(pairs, start=1):
        if name and license and licenses.setdefault(name, license) != license:
            raise InputError(table, f"{name!r} has another license in an earlier row.", row=number, field="license")
    for image in results["images"]:
        name = image["file"] if key == "file" else PurePosixPath(image["file"]).stem
        if name in licenses:
            cast(dict[str, Any], image)["license"] = licenses[name]


def _read_csv(table: Path) -> tuple[str, Iterable[tuple[str | None, str | None]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            key = _key(table, rows.fieldnames or ())
            return key, [(row[key], row["license"]) for row in rows]
    except FileNotFoundError:
        raise InputError(table, "no such file.", fix="Check the path.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(table, f"cannot be read as CSV ({error}).") from None


def _read_parquet(table: Path) -> tuple[str, Iterable[tuple[str | None, str | None]]]:
    from treeline.io.parquet import open_shard

    with open_shard(table, ("license",)) as file:
        key = _key(table, file.schema_arrow.names)
        columns = file.read(columns=[key, "license"])
    return key, zip(columns[key].to_pylist(), columns["license"].to_pylist(), strict=True)


def _key(table: Path, columns: Iterable[str]) -> str:
    known = set(columns)
    if "license" not in known:
        raise InputError(table, "the column is missing.", field="license")
    if not known & {"file", "uuid"}:
        raise InputError(table, "the column is missing, and there is no 'uuid' either.", field="file")
    return "file" if "file" in known else "uuid"
