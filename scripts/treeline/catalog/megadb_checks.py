"""Check MegaDB JSON entry by entry while it is read: all that is wrong with it, not only the first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from treeline.catalog.item_rules import key_problem, sequence_breaches
from treeline.catalog.json_stream import as_json, read_list
from treeline.catalog.places import place, quoted, short, value_at
from treeline.catalog.rules import FIXES
from treeline.catalog.schemas import schema_of
from treeline.catalog.uniqueness import Names
from treeline.catalog.violations import Violation, Violations
from treeline.errors import InputError

Item = dict[str, Any]

SPLITS = ("train", "val", "test")
MAY_BE_EMPTY = ("datasets.json", "splits.json")
"""An export of sequences alone has them all the same."""

_KEYS = {
    "sequences": {"seq_id", "images"},
    "datasets": {"dataset_name", "storage_account", "container", "container_sas_key"},
    "splits": set(SPLITS),
}


def json_files(path: Path) -> list[Path]:
    """A MegaDB file, or those of a folder, by name.

    Raises:
        InputError: There is none.
    """
    if not path.exists():
        raise InputError(path, "no such file.", fix="Check the path.")
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError(path, "holds no .json file.")
    return files


class Checker:
    """The checks of one source of MegaDB JSON.

    Args:
        connection: For a temporary table of the names that must be unique.
        violations: Where to put what is found.
        is_strict: Apply Treeline's rules too, not MegaDB's alone.
        now: When keys are looked at; None for now.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        violations: Violations,
        *,
        is_strict: bool,
        now: datetime | None = None,
    ) -> None:
        self._violations, self._is_strict, self._now = violations, is_strict, now or datetime.now(UTC)
        self._names = Names(connection)

    def read(self, file: Path) -> Iterator[tuple[str, Item]]:
        """Read a file, check every entry, and give those that are good with the name of their table."""
        table, number = "", -1
        try:
            for number, entry in enumerate(read_list(file)):
                table = _table_of(entry) or table
                errors = self._violations.errors
                self._check(file.name, table, number, entry)
                if self._violations.errors == errors:
                    yield table, entry
        except InputError as error:
            found = f"{error.problem} {error.fix}".strip()
            path = f"[{error.row - 1}]" if error.row is not None else ""
            self._add("json", file.name, path, found)
        else:
            if number < 0 and file.name not in MAY_BE_EMPTY:
                self._add("not_empty", file.name, "", "[]")

    def finish(self) -> None:
        """Look for what is there twice, when all files are read."""
        for repeat in self._names.repeats():
            first = (
                repeat.first_place if repeat.first_file == repeat.file else f"{repeat.first_file} {repeat.first_place}"
            )
            fix = f"{FIXES[repeat.rule]} It is at {first} too."
            path = f"{repeat.place} (file {quoted(repeat.name)})" if repeat.rule == "unique_file" else repeat.place
            self._violations.add(Violation(repeat.rule, path, short(repeat.name), fix, repeat.file))

    def _check(self, file: str, table: str, number: int, entry: Any) -> None:
        if not table:
            found = ", ".join(map(quoted, sorted(entry)[:8])) if isinstance(entry, dict) else _kind(entry)
            self._add("table", file, f"[{number}]", found)
            return
        if isinstance(entry, dict):
            _CHECKS[table](self, file, number, entry)
        schema = schema_of(table)
        if not schema.is_valid(entry):
            for keyword, path, fix in schema.failures(entry):
                value = "" if keyword == "required" else value_at(entry, path) if path else _kind(entry)
                self._violations.add(
                    Violation(f"schema.{keyword}", place(table, number, entry, path), value, fix, file)
                )

    def _check_sequence(self, file: str, number: int, sequence: Item) -> None:
        for rule, path in sequence_breaches(sequence, is_strict=self._is_strict):
            value = value_at(sequence, path) if rule not in ("class_missing", "frame_num_missing") else ""
            self._add(rule, file, place("sequences", number, sequence, path), value)
        dataset, seq_id = sequence.get("dataset"), sequence.get("seq_id")
        if not (isinstance(dataset, str) and isinstance(seq_id, str)):
            return
        here = f"sequences[{number}] (seq_id {quoted(seq_id)})"
        self._names.add("unique_seq_id", dataset if self._is_strict else file, seq_id, file, here)
        if self._is_strict and isinstance(sequence.get("images"), list):
            for position, image in enumerate(sequence["images"]):
                if isinstance(image, dict) and isinstance(image.get("file"), str):
                    self._names.add("unique_file", dataset, image["file"], file, f"{here}.images[{position}]")

    def _check_dataset(self, file: str, number: int, dataset: Item) -> None:
        here = place("datasets", number, dataset)
        if isinstance(dataset.get("dataset_name"), str):
            self._names.add("unique_dataset_name", "", dataset["dataset_name"], file, here)
        key = dataset.get("container_sas_key")
        if isinstance(key, str) and key and (problem := key_problem(key, self._now)):
            rule, found = problem
            self._violations.add(Violation(rule, f"{here}.container_sas_key", found, FIXES[rule], file, "warning"))

    def _check_split(self, file: str, number: int, split: Item) -> None:
        if not isinstance(split.get("dataset"), str):
            return
        here = place("splits", number, split)
        self._names.add("unique_split", "", split["dataset"], file, here)
        for name in SPLITS:
            locations = split.get(name)
            for position, location in enumerate(locations if isinstance(locations, list) else ()):
                there = f"{here}.{name}[{position}]"
                self._names.add("location_in_two_splits", split["dataset"], location_text(location), file, there)

    def _add(self, rule: str, file: str, path: str, value: str) -> None:
        self._violations.add(Violation(rule, path, value, FIXES[rule], file))


_CHECKS = {"sequences": Checker._check_sequence, "datasets": Checker._check_dataset, "splits": Checker._check_split}


def location_text(location: object) -> str:
    """A location as the catalogue's columns hold it: a string as it is, anything else as its JSON."""
    return location if isinstance(location, str) else as_json(location)


def _table_of(entry: object) -> str:
    """The table that an entry belongs to by its keys; empty where they tell nothing."""
    if isinstance(entry, dict):
        for table, keys in _KEYS.items():
            if entry.keys() & keys:
                return table
    return ""


def _kind(entry: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(entry), "a number")
