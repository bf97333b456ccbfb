"""Write a group's images anew by category: the second pass over museum specimens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from pydantic import Field, TypeAdapter, ValidationError

from treeline.config_values import Block
from treeline.errors import InputError, ShardError
from treeline.extract.group import read_group_ids
from treeline.extract.parts import PartWriter
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.parquet import stream_rows
from treeline.io.scratch import scratch_folder
from treeline.io.taxonomy import read_list

UNCATEGORIZED = "Uncategorized"
_FOLDER_PREFIX = "category="

Values = Annotated[list[str], Field(min_length=1)]
Line = Annotated[dict[str, Values | str], Field(min_length=1)]


class Rule(Block):
    """One rule of `resources/taxonomy/museum_categories.yaml`."""

    category: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]*$")]
    """Name of the category; part of a folder's name."""
    any: Annotated[list[Line], Field(min_length=1)]
    """Lines of which one must fit; of a line, each column must hold one of its values, or of the list it names."""


@dataclass(frozen=True)
class Category:
    """A category that is ready to be matched.

    Args:
        name: Its name.
        lines: Columns and the values that they may hold, for each line of the rule.
    """

    name: str
    lines: tuple[Mapping[str, pa.Array], ...]


def read_categories(rules: Path) -> list[Category]:
    """Read the categories, in the order in which they are tried; lists are looked up beside the file.

    Raises:
        InputError: The file is refused, has a category or a value twice, or names a list that does not exist.
    """
    try:
        checked = TypeAdapter(list[Rule]).validate_python(yaml.safe_load(rules.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(rules, f"is refused: {error}") from None
    names = [rule.category for rule in checked] + [UNCATEGORIZED]
    for name in names:
        if names.count(name) > 1:
            raise InputError(rules, "the category is there twice.", field=name)
    return [
        Category(rule.category, tuple(_values_of(line, rules, rule.category) for line in rule.any)) for rule in checked
    ]


def categorize(table: pa.Table | pa.RecordBatch, categories: list[Category]) -> np.ndarray:
    """Give each row the number of the first category that fits it; `len(categories)` where none does.

    Raises:
        KeyError: A column that a category asks for is missing.
    """
    numbers = np.full(table.num_rows, len(categories))
    for number, category in reversed(list(enumerate(categories))):
        for line in category.lines:
            fits = np.ones(table.num_rows, bool)
            for column, values in line.items():
                fits &= pc.is_in(table[column], values).to_numpy(zero_copy_only=False)
            numbers[fits] = number
    return numbers


def write_categories(manifest: Path, folder: Path, rules: Path, target: Path, *, max_records: int) -> None:
    """Write `<folder>/category=C/part-*.parquet` from `<folder>/group_id=N/part-*.parquet`.

    Memory is bounded by an open row group for each category.

    Args:
        manifest: The group's lookup manifest: the batches to read, in its order.
        folder: Folder of the group's extracted batches.
        rules: YAML file of the categories.
        target: CSV that is written when all is in place: category, file, records.
        max_records: Most records in a file.

    Raises:
        InputError: The rules are refused, or a part lacks a column that they ask for.
    """
    categories = read_categories(rules)
    names = [category.name for category in categories] + [UNCATEGORIZED]
    target.unlink(missing_ok=True)
    with scratch_folder(folder, "categories") as scratch:
        writers = _write_parts(_parts(manifest, folder), categories, names, scratch, max_records)
        _replace_categories(folder, scratch)
    rows: list[tuple[str, str, int]] = []
    for number in sorted(writers):
        for part_number, records in enumerate(writers[number].rows_of_parts):
            file = f"{_FOLDER_PREFIX}{names[number]}/{PartWriter.part_name(part_number)}"
            rows.append((names[number], file, records))
    write_text(target, csv_text(("category", "file", "records"), rows))


def _values_of(line: Mapping[str, list[str] | str], rules: Path, category: str) -> dict[str, pa.Array]:
    values = {}
    for column, names in line.items():
        listed = list(read_list(rules.parent, names)) if isinstance(names, str) else names
        if len(set(listed)) < len(listed) or not all(name.strip() == name != "" for name in listed):
            raise InputError(rules, f"{column} has a blank value, or one twice: {listed}.", field=category)
        values[column] = pa.array(listed, pa.string())
    return values


def _parts(manifest: Path, folder: Path) -> list[Path]:
    return [
        part
        for group_id in read_group_ids(manifest)
        for part in sorted((folder / f"group_id={group_id}").iterdir())
        if part.suffix == ".parquet"
    ]


def _batches(part: Path, schema: pa.Schema, categories: list[Category]) -> Iterator[pa.RecordBatch]:
    for column in sorted({column for category in categories for line in category.lines for column in line}):
        if column not in schema.names:
            raise ShardError(part, "the column is missing, which the categories ask for.", field=column)
    return stream_rows(part, schema.names)


def _write_parts(
    parts: list[Path], categories: list[Category], names: list[str], target: Path, max_records: int
) -> dict[int, PartWriter]:
    """Write each category's records into its folder below `target`; returns the writers by the category's number."""
    writers: dict[int, PartWriter] = {}
    with ExitStack() as stack:
        for part in parts:
            schema = pq.read_schema(part).remove_metadata()
            for batch in _batches(part, schema, categories):
                numbers = categorize(batch, categories)
                for number in np.unique(numbers):
                    if number not in writers:
                        category = target / f"{_FOLDER_PREFIX}{names[number]}"
                        category.mkdir()
                        writers[number] = stack.enter_context(PartWriter(category, schema, max_rows=max_records))
                    writers[number].write(batch.filter(pa.array(numbers == number)))
    return writers


def _replace_categories(folder: Path, scratch: Path) -> None:
    for old in folder.glob(f"{_FOLDER_PREFIX}*"):
        shutil.rmtree(old)
    for new in sorted(scratch.glob(f"{_FOLDER_PREFIX}*")):
        new.rename(folder / new.name)
