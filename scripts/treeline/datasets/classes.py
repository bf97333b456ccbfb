"""The classes of a dataset, and the numbers that labels have by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from treeline.io.datasets.metadata import Metadata


def number_labels(metadata: Metadata, classes: Iterable[str]) -> Metadata:
    """Give the classes in sorted order, and each label its place among them.

    Args:
        metadata: Labels stand in the tables that have a column `label`.
        classes: All labels are among them.
    """
    class_names = tuple(sorted(set(classes)))
    places = {name: place for place, name in enumerate(class_names)}
    numbered = {
        name: table.assign(label_idx=table["label"].map(places).astype(np.int64))
        for name, table in metadata.tables.items()
        if "label" in table
    }
    return replace(metadata.with_tables(**numbered), class_names=class_names)


def present_classes(metadata: Metadata) -> set[str]:
    """Labels that any sample or box has."""
    return {label for table in metadata.tables.values() if "label" in table for label in table["label"]}
