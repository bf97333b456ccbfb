"""Small datasets of drawn images, and a reader of them that is as plain as can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from treeline.config_datasets import EncodingName, EncodingOptions, Task
from treeline.datasets.windows import RandomCrop
from treeline.io.datasets.encodings import write_encoding
from treeline.io.datasets.metadata import Metadata
from treeline.io.datasets.samples import Bands, Mask, decode_bands, decode_mask, read_samples

CLASSES = ("bird", "deer", "fox")
CORNERS = RandomCrop(4, 4, windows=2)


@dataclass
class Folder:
    """A dataset whose images lie in a folder, as an open encoding."""

    metadata: Metadata
    folder: Path

    def encoded(self, position: int) -> bytes:
        return self.folder.joinpath(self.metadata.index["image_path"].iloc[position]).read_bytes()

    def pixels(self, position: int) -> Bands:
        return decode_bands(self.encoded(position))

    def mask(self, position: int) -> Mask | None:
        if "mask_path" not in self.metadata.index:
            return None
        return decode_mask(self.folder.joinpath(self.metadata.index["mask_path"].iloc[position]).read_bytes())

    def close(self) -> None:
        pass


class Noise:
    """Adds what is drawn, as an augmentation does."""

    def __call__(self, sample: Any, generator: np.random.Generator) -> Any:
        return {**sample, "noise": float(generator.random())}


def tables_of(task: Task, samples: int) -> dict[str, pd.DataFrame]:
    """Tables of so many samples; ids have gaps, as they have where samples were dropped."""
    numbers = np.arange(samples)
    ids = numbers * 3
    index = pd.DataFrame({"id": ids, "image_path": [f"images/{number:03d}.png" for number in numbers]})
    index["split"] = np.array(["train", "val", "train", "test"])[numbers % 4]
    index["location"] = [f"place-{number % 5}" for number in numbers]
    tables = {"index": index}
    if task == "multiclass":
        index["label_idx"] = numbers % len(CLASSES)
        index["label"] = [CLASSES[number] for number in index["label_idx"]]
    elif task == "regression":
        index["target"] = numbers / 8
    elif task == "segmentation":
        index["mask_path"] = [f"masks/{number:03d}.png" for number in numbers]
    else:
        # Sample n has n % 3 rows: none, one or two.
        rows = [(id, number) for id, count in zip(ids, numbers % 3, strict=True) for number in range(count)]
        table = pd.DataFrame(rows, columns=["id", "number"])
        table["label_idx"] = table["number"]
        table["label"] = [CLASSES[number] for number in table["label_idx"]]
        if task == "detection":
            table = table.assign(x=table["number"] + 0.5, y=1.0, width=4.0, height=2.5)
        tables["boxes" if task == "detection" else "labels"] = table
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(numbers * 20, unit="D")
    tables["spatial"] = pd.DataFrame({"id": ids, "image_width": 12, "image_height": 10})
    tables["temporal"] = pd.DataFrame({"id": ids, "time_of_capture": days})
    return tables


def make_dataset(
    folder: Path,
    task: Task = "multiclass",
    samples: int = 12,
    *,
    name: str = "drawn",
    tables: Mapping[str, pd.DataFrame] | None = None,
    class_names: Sequence[str] = CLASSES,
) -> Folder:
    """Draw images of 12 x 10 pixels, each of one value that is its number, with masks where the task has them."""
    tables = dict(tables if tables is not None else tables_of(task, samples))
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(len(tables["index"])):
        Image.fromarray(image_of(number)).save(folder / "images" / f"{number:03d}.png")
        Image.fromarray(mask_of(number)).save(folder / "masks" / f"{number:03d}.png")
    names = () if task == "regression" else tuple(class_names)
    return Folder(Metadata(name, task, names, tables, images=(str(folder),)), folder)


def encode(dataset: Folder, kind: EncodingName, target: Path, **options: Any) -> Path:
    """Write a dataset in one of its forms."""
    samples = read_samples(dataset.metadata)
    write_encoding(dataset.metadata, samples, target, EncodingOptions(kind=kind, **options))
    return target


def image_of(number: int) -> Bands:
    """The image of a sample: red is its number, green grows downwards, blue to the right."""
    rows, columns = np.mgrid[:10, :12]
    return np.stack([np.full_like(rows, number), rows, columns], axis=-1).astype(np.uint8)


def mask_of(number: int) -> Mask:
    """The mask of a sample; what is at its left edge is not labelled."""
    mask = np.full((10, 12), number % len(CLASSES), dtype=np.uint8)
    mask[:, 0] = 255
    return mask


def with_table(dataset: Folder, name: str, **columns: Any) -> Folder:
    """The same with columns of a table replaced or added."""
    return Folder(
        dataset.metadata.with_tables(**{name: dataset.metadata.tables[name].assign(**columns)}), dataset.folder
    )
