"""The configuration of datasets; each has a file of its own (`treeline.datasets.description`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from treeline.config_values import Block, NotEmpty, check_distinct

DATASET_NAME = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
"""As object stores want the names of buckets, for a mirror's bucket has the dataset's name."""

DatasetNames = Annotated[list[Annotated[str, Field(pattern=DATASET_NAME)]], AfterValidator(check_distinct)]


class Datasets(Block):
    """Which datasets are made."""

    folder: NotEmpty = "config/datasets"
    """Folder of the descriptions, a YAML file each."""
    names: DatasetNames = []
    """Datasets to make: names of files in the folder, without `.yaml`."""
