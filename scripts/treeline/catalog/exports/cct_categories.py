"""Categories of a COCO Camera Traps file: names and numbers of the classes of a data set."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from treeline.catalog.classes import EMPTY
from treeline.catalog.database import read_sql

Category = dict[str, Any]


class Categories:
    """The categories of the file: those of the data set's classes, and what annotations need beside them.

    A category that was ingested comes back with its spelling, its id and its other fields; others have the next free
    id, and `empty` has 0. In the database they are `cct_categories`, by name, and `cct_spellings`, the name of each
    class.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
        self._connection = connection
        self._categories: dict[str, Category] = {}
        self._ids: set[int] = set()
        connection.execute("""
            CREATE OR REPLACE TEMP TABLE cct_categories (name VARCHAR, id BIGINT);
            CREATE OR REPLACE TEMP TABLE cct_spellings (class VARCHAR, name VARCHAR);
        """)
        rows = connection.execute("SELECT class, properties FROM classes WHERE dataset = ? ORDER BY class", [dataset])
        listed = [(label, _categories(label, properties)) for label, properties in rows.fetchall()]
        for label, categories in listed:
            connection.execute("INSERT INTO cct_spellings VALUES (?, ?)", [label, categories[0]["name"]])
        every = [category for _, categories in listed for category in categories]
        for category in every:
            if _is_id(category.get("id")) and category["id"] not in self._ids:
                self._add(category)
        for category in every:
            if category["name"] not in self._categories:
                self._add({**category, "id": self._free_id(category["name"])})

    def prepare_lot(self) -> None:
        """Make the annotations of the lot, and a category for each name that has none."""
        self._connection.execute(read_sql("exports/coco_camera_traps_annotations.sql"))
        new = "SELECT DISTINCT name FROM cct_annotations ANTI JOIN cct_categories USING (name) ORDER BY name"
        for (name,) in self._connection.execute(new).fetchall():
            self._add({"id": self._free_id(name), "name": name})

    def by_id(self) -> list[Category]:
        """The categories in the order of their ids."""
        return sorted(self._categories.values(), key=lambda category: int(category["id"]))

    def _add(self, category: Category) -> None:
        if category["name"] not in self._categories:
            self._categories[category["name"]] = category
            self._ids.add(category["id"])
            self._connection.execute("INSERT INTO cct_categories VALUES (?, ?)", [category["name"], category["id"]])

    def _free_id(self, name: str) -> int:
        return 0 if name == EMPTY and 0 not in self._ids else max(self._ids | {0}) + 1


def _categories(label: str, properties: str | None) -> list[Category]:
    """What a class was in the source: one category, or several that are one class here."""
    first = {"name": label, **json.loads(properties or "{}")}
    return [first, *first.pop("same_class", [])]


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
