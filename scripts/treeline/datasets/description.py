"""What a dataset is to be: the content of `config/datasets/<name>.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from treeline.config_datasets import DATASET_NAME, EncodingOptions, Task
from treeline.config_values import Block, NotEmpty, check_distinct
from treeline.errors import InputError

SourceKind = Literal["folder", "table", "training_set", "rasters"]
SplitKind = Literal["random", "stratified", "grouped", "time", "spatial", "predefined"]
Columns = Annotated[list[NotEmpty], AfterValidator(check_distinct)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class DatasetSource(Block):
    """Where samples come from."""

    kind: SourceKind
    """`folder`: images in a folder a class. `table`: Parquet or CSV, a row an image, such as a query's answer.
    `training_set`: what `treeline catalog crops` or `detector-set` has made. `rasters`: GeoTIFF files."""
    path: NotEmpty
    """The folder or the table; with `query` the catalogue."""
    query: list[NotEmpty] = []
    """`table`: what the catalogue is asked, as behind `treeline query`: `[classification_rows, --dataset, example]`."""
    images: list[NotEmpty] = []
    """`table`: folders, archives and shards that hold the images; none where the table has columns `uuid`, `image`."""
    image: NotEmpty = "file"
    """`table`: column of the image's name; where `images` are shards, `uuid`."""
    masks: NotEmpty | None = None
    """`rasters`, `folder`: folder of the masks, each of its image's name."""


class SplitOptions(Block):
    """How samples are divided."""

    kind: SplitKind = "grouped"
    """`grouped`, `stratified`: balanced by label; `random`: by a draw; `time`: the latest for testing; `spatial`: by
    blocks of the ground, balanced by label; `predefined`: a column says it. None parts what `groups` holds together."""
    val: Fraction = 0.1
    """Share for validation."""
    test: Fraction = 0.1
    """Share for testing."""
    seed: int = 0
    """Another one divides otherwise."""
    column: NotEmpty | None = None
    """`predefined`: column of the split, `train`, `val` or `test`. `time`: column of the time, else that of capture."""
    block_size: float | None = Field(None, gt=0)
    """`spatial`: side of a block, in units of the coordinates."""
    coordinates: Annotated[list[NotEmpty], Field(min_length=2, max_length=2)] | None = None
    """`spatial`: columns of x and y, which `keep` has too; else the middle of the raster."""
    known: NotEmpty | None = None
    """A `splits.parquet` of an earlier build: samples that it has stay where they are."""
    most_bits: int = Field(31, ge=0, le=31)
    """Images whose PDQ hashes differ in at most so many of 256 bits are the same picture."""


class Description(Block):
    """The content of `config/datasets/<name>.yaml`."""

    title: NotEmpty
    """What the dataset is, in a sentence."""
    source: DatasetSource
    """Where samples come from."""
    task: Task
    """What is to be learned."""
    labels: Columns = []
    """Columns of the label: one, or several of 0 and 1 where the task is `multilabel`. A folder needs none."""
    classes: Columns = []
    """Labels that there may be; any other is an error. Empty takes those that there are."""
    groups: Columns = []
    """Columns whose values must not be in two splits, such as `[location, sequence]`."""
    time: NotEmpty | None = None
    """Column of the time of capture, else EXIF."""
    keep: Columns = []
    """Columns that come along in the table `additional`, such as `license` and `creator`."""
    steps: list[dict[NotEmpty, Any]] = []
    """Cleaning, in order: each is a step's name with its options, such as `{drop_duplicates: {}}`."""
    splits: SplitOptions = SplitOptions()
    """How samples are divided."""
    encodings: Annotated[list[EncodingOptions], Field(min_length=1)] = [EncodingOptions(kind="imagefolder")]
    """Forms in which the dataset is written."""

    @model_validator(mode="after")
    def _fits_together(self) -> Description:
        if any(len(step) != 1 for step in self.steps):
            raise ValueError("steps: each has one name, with its options, such as {drop_duplicates: {}}")
        check_distinct([encoding.kind for encoding in self.encodings])
        if self.splits.val + self.splits.test >= 1:
            raise ValueError("splits: val and test leave nothing to train on")
        if self.splits.kind == "grouped" and not self.groups:
            raise ValueError("groups: splits of the kind `grouped` need at least one column")
        if self.splits.kind == "predefined" and self.splits.column is None:
            raise ValueError("splits.column: the kind `predefined` needs it")
        if self.splits.kind == "spatial" and self.splits.block_size is None:
            raise ValueError("splits.block_size: the kind `spatial` needs it")
        if self.splits.kind == "predefined" and self.splits.known is not None:
            raise ValueError("splits.known: the kind `predefined` takes its column alone")
        self._check_labels()
        return self

    def _check_labels(self) -> None:
        if self.source.kind == "table" and self.task != "detection" and not self.labels:
            raise ValueError("labels: a table needs the column of the label")
        if len(self.labels) > 1 and self.task != "multilabel":
            raise ValueError("labels: only a task `multilabel` has several columns")
        if self.task == "segmentation" and (not self.classes or self.classes != sorted(self.classes)):
            raise ValueError("classes: a segmentation needs them, in sorted order: the numbers in its masks count them")
        if self.task == "segmentation" and self.source.masks is None:
            raise ValueError("source.masks: a segmentation needs them")
        if self.source.query and self.source.kind != "table":
            raise ValueError("source.query: only a table is the answer to a query")


def read_description(file: Path) -> Description:
    """Read a dataset's description.

    Raises:
        InputError: The file is missing, is no YAML, has an unknown key or a wrong value, or its name is not fit for a
            dataset: 3 to 63 of a-z, 0-9, `.` and `-`.
    """
    if re.fullmatch(DATASET_NAME, file.stem) is None:
        raise InputError(file, "its name is the dataset's: 3 to 63 of a-z, 0-9, '.' and '-'.", fix="Rename it.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(file, f"cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(file, f"is not YAML: {error}") from None
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or None
        raise InputError(file, first["msg"].removeprefix("Value error, ") + ".", field=field) from None
