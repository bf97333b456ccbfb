"""The JSON Schemas of MegaDB's three tables (draft-07), in `resources/schemas`.

Patterns are read as JSON Schema says, as those of ECMA-262: `$` is the end of the text, not a line break before it, for
which Python's own module takes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

FOLDER = Path(__file__).parents[3] / "resources" / "schemas"


class Schema:
    """The schema of the entries of one table.

    Args:
        table: `sequences`, `datasets` or `splits`.
    """

    def __init__(self, table: str) -> None:
        self._whole = json.loads((FOLDER / f"megadb_{table}.json").read_text(encoding="utf-8"))
        entry = {key: self._whole[key] for key in ("$schema", "definitions")} | self._whole["items"]
        self._validator = jsonschema_rs.validator_for(entry, pattern_options=jsonschema_rs.RegexOptions())

    def is_valid(self, entry: object) -> bool:
        """Whether an entry of the list is as it should be; takes microseconds."""
        return self._validator.is_valid(entry)

    def failures(self, entry: object) -> Iterator[tuple[str, tuple[str | int, ...], str]]:
        """All that is wrong with an entry: the schema's keyword, the way to the value, and how to mend it."""
        for error in self._validator.iter_errors(entry):
            kind = error.kind.name
            fix = f"Add `{error.kind.value}`." if kind == "required" else self._description(error.schema_path)
            yield kind, tuple(error.instance_path), fix

    def _description(self, path: list[str | int]) -> str:
        part: Any = self._whole
        for step in path[:-1]:
            part = part[step]
        return str(part["description"])


def label_pattern() -> str:
    """The regular expression of a class's label."""
    whole = json.loads((FOLDER / "megadb_sequences.json").read_text(encoding="utf-8"))
    return str(whole["definitions"]["label"]["pattern"])


@cache
def schema_of(table: str) -> Schema:
    """The schema of a table, read once."""
    return Schema(table)
