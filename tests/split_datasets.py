"""Datasets to divide: their tables and descriptions, and the run of the command on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from treeline.datasets.divide import divide_dataset
from treeline.io.datasets.metadata import Metadata, write_metadata

OF_INDEX = ("image_path", "sha256", "label", "target", "location", "sequence")
OF_SPATIAL = ("image_width", "image_height", "crs", "x_offset", "y_offset", "x_gsd", "y_gsd")


def make_metadata(rows: Sequence[Mapping[str, Any]], task: str = "multiclass", **tables: pd.DataFrame) -> Metadata:
    """Put rows into their tables; `id` is a row's place, unless it has one."""
    table = pd.DataFrame(
        [{"id": place, "sha256": "", "pdq": "", "pdq_quality": 0, **row} for place, row in enumerate(rows)]
    )
    parts: dict[str, list[str]] = {"index": [], "spatial": [], "temporal": [], "additional": []}
    for column in table.columns.drop("id"):
        name = "index" if column in OF_INDEX else "spatial" if column in OF_SPATIAL else "additional"
        parts["temporal" if column == "time_of_capture" else name].append(column)
    made = {name: table[["id", *columns]] for name, columns in parts.items() if columns}
    names = tuple(sorted({*table.get("label", [])} | {label for one in tables.values() for label in one["label"]}))
    return Metadata("example", task, names, {**made, **tables})


@dataclass(frozen=True)
class Division:
    """A dataset that is divided in a folder."""

    folder: Path

    def run(self, metadata: Metadata, groups: Sequence[str] = (), **options: Any) -> dict[str, str]:
        """Divide it; gives the splits by `image_path`."""
        task = metadata.task
        description = {
            "title": "An example",
            "source": {"kind": "folder", "path": "photos", **({"masks": "masks"} if task == "segmentation" else {})},
            "task": task,
            "groups": list(groups),
            "splits": options,
            **({"classes": ["ground", "tree"]} if task == "segmentation" else {}),
        }
        (self.folder / "example.yaml").write_text(yaml.safe_dump(description))
        write_metadata(metadata, self.folder / "metadata.h5")
        divide_dataset(
            self.folder / "example.yaml", self.folder / "metadata.h5", self.folder / "splits.parquet", self.leakage
        )
        table = pq.read_table(self.folder / "splits.parquet").to_pandas()
        assert table["id"].is_monotonic_increasing
        return dict(zip(table["image_path"], table["split"], strict=True))

    @property
    def leakage(self) -> Path:
        return self.folder / "leakage.json"

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.leakage.read_text()))


def random_hash(seed: int) -> str:
    """A perceptual hash that is like no other."""
    return np.random.default_rng(seed).bytes(32).hex()


def with_flipped_bits(digits: str, bits: Sequence[int]) -> str:
    """A hash that differs from another in these bits."""
    return f"{int(digits, 16) ^ sum(1 << bit for bit in bits):064x}"
