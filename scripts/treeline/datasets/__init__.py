"""Datasets: from images and what is known of them to files that people train on and analyse.

A dataset is described in `config/datasets/<name>.yaml`. Its metadata go through steps, each of which reads the tables
that the one before has written (`metadata.h5`) and writes its own; the last are the dataset's. Then it is divided
(`splits.parquet`), and written in one or more encodings, each of which stands on its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from treeline.datasets.augmentations import Augmentations, read_augmentations
    from treeline.datasets.dataset import Dataset
    from treeline.datasets.ground import Bounds
    from treeline.datasets.joins import Key, Overlap, join
    from treeline.datasets.loaders import Loader, collate, loader, stream_loader
    from treeline.datasets.resizing import Letterbox, Resize, ResizeLonger, ResizeShorter
    from treeline.datasets.sample_sets import Draw, SampleSet
    from treeline.datasets.sampling import Spectral, Tabular, Temporal
    from treeline.datasets.tar_stream import TarStream
    from treeline.datasets.windows import CentreCrop, GridCrops, RandomCrop, SlidingWindows, Then

__all__ = [
    "Augmentations",
    "Bounds",
    "CentreCrop",
    "Dataset",
    "Draw",
    "GridCrops",
    "Key",
    "Letterbox",
    "Loader",
    "Overlap",
    "RandomCrop",
    "Resize",
    "ResizeLonger",
    "ResizeShorter",
    "SampleSet",
    "SlidingWindows",
    "Spectral",
    "Tabular",
    "TarStream",
    "Temporal",
    "Then",
    "collate",
    "join",
    "loader",
    "read_augmentations",
    "stream_loader",
]

_NAMES = {
    "augmentations": ("Augmentations", "read_augmentations"),
    "dataset": ("Dataset",),
    "ground": ("Bounds",),
    "joins": ("Key", "Overlap", "join"),
    "loaders": ("Loader", "collate", "loader", "stream_loader"),
    "resizing": ("Letterbox", "Resize", "ResizeLonger", "ResizeShorter"),
    "sample_sets": ("Draw", "SampleSet"),
    "sampling": ("Spectral", "Tabular", "Temporal"),
    "tar_stream": ("TarStream",),
    "windows": ("CentreCrop", "GridCrops", "RandomCrop", "SlidingWindows", "Then"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what people use from here when they use it: it needs torch, and the commands do not."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
