"""Small generated datasets of every task, whose answers are known: a model that works learns them in seconds.

Each image is a grey, noisy ground with shapes on it, of which each class has a colour and a form of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from treeline.config_datasets import EncodingName, EncodingOptions
from treeline.io.datasets.encodings import TARGETS, write_encoding
from treeline.io.datasets.metadata import Metadata, write_metadata
from treeline.io.datasets.samples import NOT_LABELLED, Sample
from treeline.io.encode import encode_jpeg, encode_png
from treeline.models.experiment import Experiment, Task

CLASSES = ("blue", "green", "red")
GROUND_CLASS = "ground"
"""Of a segmentation, the first in `class_names`, in sorted order with the others: `blue`, `green`, `ground`, `red`."""
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 70, 230)}
SIDE = 24
LOCATIONS = ("creek", "ridge", "valley")

Pixels = npt.NDArray[np.uint8]


class Drawn(NamedTuple):
    """An image with what is known of it."""

    pixels: Pixels
    mask: Pixels
    labels: tuple[str, ...]
    covered: float


def draw(seed: int, labels: Sequence[str], side: int = SIDE) -> Drawn:
    """A grey ground with a shape a label; the mask has the numbers of `segmentation_classes`, its first row is 255."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(90, 160, (side, side, 1), dtype=np.uint8).repeat(3, 2)
    names = segmentation_classes()
    mask = np.full((side, side), names.index(GROUND_CLASS), np.uint8)
    rows, columns = np.mgrid[:side, :side]
    places = generator.permutation(4)  # several shapes are in quarters of the image, so that none hides another
    for label, place in zip(labels, places, strict=False):
        room, corner = (side // 2, np.array(divmod(place, 2)) * (side // 2)) if len(labels) > 1 else (side, 0)
        radius = generator.integers(side // 8, room // 2)
        y, x = generator.integers(radius, room - radius, 2) + corner
        down, right = abs(rows - y), abs(columns - x)
        inside = {
            "red": np.maximum(down, right) <= radius,
            "green": down + right <= radius,
            "blue": down**2 + right**2 <= radius**2,
        }[label]
        pixels[inside] = COLOURS[label]
        mask[inside] = names.index(label)
    covered = float((mask != names.index(GROUND_CLASS)).mean())
    mask[0] = NOT_LABELLED
    return Drawn(pixels, mask, tuple(labels), covered)


def segmentation_classes() -> tuple[str, ...]:
    return tuple(sorted((*CLASSES, GROUND_CLASS)))


def make_dataset(
    folder: Path,
    task: Task = "multiclass",
    *,
    count: int = 60,
    seed: int = 0,
    side: int = SIDE,
    name: str = "shapes",
    shuffled: bool = False,
    encodings: Sequence[EncodingName] = ("hdf5", "tar"),
    leaks: int = 0,
) -> Path:
    """Write a dataset: `metadata.h5`, `splits.parquet`, `leakage.json` and its encodings.

    Args:
        folder: The dataset's folder; made.
        task: What is to be learned: the colour of the only shape; the colours of 0 to 3 shapes; how much of the image
            the only shape covers (0 to 1); or the mask.
        count: Images: 60 % are of `train`, 20 % of `val`, 20 % of `test`; ids are 0, 3, 6, ... in order.
        seed: Another one draws others.
        side: Height and width in pixels.
        name: The dataset's.
        shuffled: Whether targets say nothing of their images.
        encodings: Which are written.
        leaks: How many `leakage.json` says that there are.

    Returns:
        `folder`.
    """
    generator = np.random.default_rng(seed)
    drawn = [draw(seed * 1_000_000 + number, _labels(task, number, generator), side) for number in range(count)]
    order = generator.permutation(count) if shuffled else np.arange(count)
    metadata = _metadata(name, task, drawn, [drawn[place] for place in order])
    folder.mkdir(parents=True, exist_ok=True)
    write_metadata(metadata, folder / "metadata.h5")
    _write_splits(folder, metadata, leaks)
    for kind in encodings:
        samples = [
            Sample(int(id), encode_jpeg(one.pixels, 95), encode_png(drawn[place].mask) if _masked(task) else None)
            for id, one, place in zip(metadata.index["id"], drawn, order, strict=True)
        ]
        write_encoding(metadata, samples, folder / TARGETS[kind], EncodingOptions(kind=kind))
    return folder


def experiment(task: Task = "multiclass", **changes: Any) -> Experiment:
    """An experiment that learns the generated dataset of its task in seconds, on one core."""
    return Experiment.model_validate(experiment_content(task, **changes))


def experiment_content(task: Task = "multiclass", **changes: Any) -> dict[str, Any]:
    return {
        "title": "Shapes are learned",
        "dataset": "shapes",
        "task": task,
        "image_size": [SIDE, SIDE],
        "architecture": {"encoder": "convnet"},
        "optimiser": {"learning_rate": 0.01},
        "epochs": 8,
        "batch_size": 6,
        "workers": 0,
        "accelerator": "cpu",
        **changes,
    }


def write_experiment(file: Path, task: Task = "multiclass", **changes: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(experiment_content(task, **changes), sort_keys=False), encoding="utf-8")
    return file


def _masked(task: Task) -> bool:
    return task == "segmentation"


def _labels(task: Task, number: int, generator: np.random.Generator) -> list[str]:
    if task == "multilabel":
        return [label for label in CLASSES if generator.random() < 0.5]
    return [CLASSES[number % len(CLASSES)]]


def _metadata(name: str, task: Task, drawn: Sequence[Drawn], targets: Sequence[Drawn]) -> Metadata:
    ids = np.arange(len(drawn), dtype=np.int64) * 3
    index = pd.DataFrame({"id": ids, "image_path": [f"photos/{id:06d}.jpg" for id in ids]})
    index["sha256"] = [hashlib.sha256(one.pixels.tobytes()).hexdigest() for one in drawn]
    index["split"] = _splits(len(drawn))
    index["location"] = [LOCATIONS[number % 7 % 3] for number in range(len(drawn))]
    tables = {"index": index}
    class_names: tuple[str, ...] = CLASSES
    if task == "multiclass":
        labels = [one.labels[0] for one in targets]
        tables["index"] = index.assign(label=labels, label_idx=[CLASSES.index(label) for label in labels])
    elif task == "multilabel":
        rows = [(id, label) for id, one in zip(ids, targets, strict=True) for label in one.labels]
        table = pd.DataFrame(rows, columns=["id", "label"])
        tables["labels"] = table.assign(label_idx=[CLASSES.index(label) for label in table["label"]])
    elif task == "regression":
        class_names = ()
        tables["index"] = index.assign(target=[one.covered for one in targets])
    else:
        class_names = segmentation_classes()
        tables["index"] = index.assign(mask_path=index["image_path"].str.replace("jpg", "png"))
    side = len(drawn[0].pixels)
    tables["spatial"] = pd.DataFrame({"id": ids, "image_width": side, "image_height": side})
    tables["spectral"] = _spectral(ids, drawn)
    times = pd.Timestamp("2025-06-01") + pd.to_timedelta(np.arange(len(drawn)) * 7, unit="h")
    tables["temporal"] = pd.DataFrame({"id": ids, "time_of_capture": times})
    return Metadata(name, task, class_names, tables, images=("photos",))


def _spectral(ids: npt.NDArray[np.int64], drawn: Sequence[Drawn]) -> pd.DataFrame:
    rows = []
    for id, one in zip(ids, drawn, strict=True):
        values = one.pixels.reshape(-1, 3).astype(np.float64)
        for channel, channel_name in enumerate(("red", "green", "blue")):
            column = values[:, channel]
            statistics = {"min": column.min(), "max": column.max(), "mean": column.mean(), "variance": column.var()}
            rows.append({"id": id, "channel": channel, "name": channel_name, **statistics})
    return pd.DataFrame(rows)


def _splits(count: int) -> list[str]:
    train, val = round(count * 0.6), round(count * 0.2)
    return ["train"] * train + ["val"] * val + ["test"] * (count - train - val)


def _write_splits(folder: Path, metadata: Metadata, leaks: int) -> None:
    columns = metadata.index[["id", "image_path", "split"]].astype({"image_path": object, "split": object})
    pq.write_table(pa.Table.from_pandas(columns, preserve_index=False), folder / "splits.parquet")
    counts = metadata.index["split"].value_counts().to_dict()
    report = {
        "dataset": metadata.name,
        "splits": {split: {"samples": int(samples)} for split, samples in counts.items()},
        "warnings": [],
        "leaks": {"location": 0, "sha256": leaks, "near_duplicate": 0},
    }
    (folder / "leakage.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if leaks:
        text = "check,shared,first,first_split,second,second_split,bits\n"
        first, last = metadata.index["image_path"].iloc[[0, -1]]
        text += f"sha256,abc,{first},train,{last},test,\n" * leaks
        (folder / "leakage.csv").write_text(text, encoding="utf-8")
