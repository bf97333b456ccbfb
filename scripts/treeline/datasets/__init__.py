"""Datasets: from images and what is known of them to files that people train on and analyse.

A dataset is described in `config/datasets/<name>.yaml`. Its metadata go through steps, each of which reads the tables
that the one before has written (`metadata.h5`) and writes its own; the last are the dataset's. Then it is divided
(`splits.parquet`), and written in one or more encodings, each of which stands on its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treeline.datasets.dataset import Dataset
    from treeline.datasets.joins import Key, Overlap, join
    from treeline.datasets.loaders import collate, loader
    from treeline.datasets.sampling import Spectral, Tabular, Temporal
    from treeline.datasets.tar_stream import TarStream

__all__ = [
    "Dataset",
    "Key",
    "Overlap",
    "Spectral",
    "Tabular",
    "TarStream",
    "Temporal",
    "collate",
    "join",
    "loader",
]

_MODULES = {
    "Dataset": "dataset",
    "Key": "joins",
    "Overlap": "joins",
    "join": "joins",
    "collate": "loaders",
    "loader": "loaders",
    "Spectral": "sampling",
    "Tabular": "sampling",
    "Temporal": "sampling",
    "TarStream": "tar_stream",
}


def __getattr__(name: str) -> Any:
    """Import what people use from here when they use it: it needs torch, and the commands do not."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
