"""Call labels otherwise; two that get one name become one class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from treeline.config_values import Block, NotEmpty
from treeline.datasets.steps import Outcome
from treeline.errors import InputError

if TYPE_CHECKING:
    from treeline.io.datasets.metadata import Metadata


class Options(Block):
    """What is called what."""

    names: Annotated[dict[NotEmpty, NotEmpty], Field(min_length=1)]
    """New name by old name; a label that is not among them keeps its own."""


def apply(metadata: Metadata, options: Options, folder: Path) -> Outcome:
    """Rename, and number the classes anew in sorted order.

    Raises:
        InputError: The dataset has no such label, or its masks hold the numbers of classes.
    """
    from treeline.datasets.classes import number_labels

    if metadata.task in ("segmentation", "regression"):
        raise InputError(metadata.name, f"a task {metadata.task} has no labels to rename.", field="rename_labels")
    unknown = sorted(options.names.keys() - set(metadata.class_names))
    if unknown:
        problem = f"there is no label {unknown[0]!r}; there are: {', '.join(metadata.class_names)}."
        raise InputError(metadata.name, problem, field="rename_labels.names")
    tables = {
        name: table.assign(label=table["label"].map(lambda label: options.names.get(label, label)))
        for name, table in metadata.tables.items()
        if "label" in table
    }
    renamed = number_labels(
        metadata.with_tables(**tables), (options.names.get(name, name) for name in metadata.class_names)
    )
    if (labels := renamed.tables.get("labels")) is not None:
        # Two labels of a sample may have become one.
        renamed = renamed.with_tables(labels=labels.drop_duplicates().sort_values(["id", "label"], ignore_index=True))
    return Outcome(renamed)
