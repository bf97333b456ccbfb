"""The configuration of datasets; each has a file of its own (`treeline.datasets.description`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from treeline.config_values import Block, NotEmpty, check_distinct

DATASET_NAME = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
"""As object stores want the names of buckets, for a mirror's bucket has the dataset's name."""

Task = Literal["multiclass", "multilabel", "regression", "detection", "segmentation"]
EncodingName = Literal["imagefolder", "hdf5", "tar", "numpy", "lmdb", "zarr"]
DatasetNames = Annotated[list[Annotated[str, Field(pattern=DATASET_NAME)]], AfterValidator(check_distinct)]


class Datasets(Block):
    """Which datasets are made."""

    folder: NotEmpty = "config/datasets"
    """Folder of the descriptions, a YAML file each."""
    names: DatasetNames = []
    """Datasets to make: names of files in the folder, without `.yaml`."""


class EncodingOptions(Block):
    """One form in which the dataset is written."""

    kind: EncodingName
    """`imagefolder`, `hdf5`, `tar`, `numpy`, `lmdb` or `zarr`."""
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)] | None = None
    """Height and width that every image is brought to; for stored pixels. Bytes pass through without it."""
    pixels: bool = False
    """`hdf5`: store decoded pixels, which are read fastest and take most room, instead of the encoded bytes."""
    shard_samples: int = Field(1000, ge=1)
    """`tar`: most samples in an archive."""
