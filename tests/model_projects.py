"""Projects whose only stage is that of the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.dataset_sources import describe
from tests.model_cases import make_dataset

SMALL: dict[str, Any] = {
    **{"title": "Shapes", "dataset": "shapes", "task": "multiclass", "image_size": [24, 24], "epochs": 2},
    **{"architecture": {"encoder": "convnet"}, "optimiser": {"learning_rate": 0.01}, "batch_size": 12, "workers": 0},
    "accelerator": "cpu",
}
"""An experiment that is over soon."""


def write(file: Path, content: Any) -> Path:
    """Write text, or YAML of what is none, and the folders above."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return file


def make_project(folder: Path, **models: Any) -> Path:
    """A project whose dataset is made and analysed, as far as Snakemake sees."""
    config = {"path_to_input": "urls.csv", "stages": ["models"], "datasets": {"names": ["shapes"]}, "models": models}
    write(folder / "urls.csv", "identifier\n")
    write(folder / "config.yaml", config)
    (folder / "config/datasets").mkdir(parents=True)
    source = {"kind": "folder", "path": "photos"}
    describe(folder / "config/datasets/shapes.yaml", source, encodings=[{"kind": "hdf5"}, {"kind": "tar"}])
    for name in ("metadata.h5", "dataset.h5", "shards/index", "leakage.json", "analysis/recommendations.json"):
        write(folder / "results/datasets/shapes" / name, "")
    return folder


def make_shapes(project: Path) -> None:
    """Make its dataset, with the result of an analysis."""
    folder = make_dataset(project / "results/datasets/shapes")
    value = {"channels": ["red", "green", "blue"], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}
    advice = {"normalisation": {"value": value, "basis": {"scale": 255.0}}}
    write(folder / "analysis/recommendations.json", json.dumps(advice))
