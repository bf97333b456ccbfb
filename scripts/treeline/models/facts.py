"""What a model has to be told together with its weights: of which images it is, and what its numbers mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from treeline.config_values import Block, NotEmpty
from treeline.errors import InputError
from treeline.io.datasets.stored_images import METADATA_FILE
from treeline.io.parquet import sha256_of_file
from treeline.models.experiment import Task


class ModelFacts(Block):
    """What a model takes and gives. In a checkpoint under `treeline`, in an ONNX file as metadata of the same name.

    A model takes images of N x channels x height x width numbers in the images' own units (0 to 255 of a photo) as
    float32: it normalises them itself. It gives `outputs` (logits N x classes of a multiclass or multilabel task;
    N x 1 numbers of a regression; logits N x classes x height x width of a segmentation) and `embedding`
    (N x dimensions, the encoder's last features, averaged over the image).
    """

    run: NotEmpty
    """Name of the run."""
    dataset: NotEmpty
    """Name of the dataset."""
    dataset_hash: NotEmpty
    """SHA-256 of the dataset's `metadata.h5`, so that another dataset of the name is told apart."""
    task: Task
    """What was learned."""
    class_names: list[str]
    """In the order of the outputs; empty for a regression."""
    channels: Annotated[list[str], Field(min_length=1)]
    """Names of the images' channels, in their order."""
    image_size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]
    """Height and width in pixels."""
    mean: list[float]
    """What is taken off each channel, in the images' units."""
    std: list[Annotated[float, Field(gt=0)]]
    """What each channel is divided by then, in the images' units."""

    @model_validator(mode="after")
    def _agree(self) -> ModelFacts:
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError("channels, mean and std: need one of each a channel")
        if bool(self.class_names) == (self.task == "regression"):
            raise ValueError("class_names: a regression has none, any other task at least one")
        return self

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.model_dump(), ensure_ascii=False)


def hash_of_dataset(folder: Path) -> str:
    """What `dataset_hash` is of a dataset.

    Args:
        folder: The dataset's.

    Raises:
        InputError: It has no `metadata.h5`.
    """
    metadata = folder / METADATA_FILE
    if not metadata.is_file():
        raise InputError(metadata, "is not there.", fix="Make the dataset: snakemake datasets.")
    return sha256_of_file(metadata)
