"""The configuration of models; each experiment has a file of its own (`treeline.models.experiment`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from treeline.config_values import Block, NotEmpty, check_distinct

EXPERIMENT_NAME = r"^[a-z0-9][a-z0-9._-]*$"
ExperimentNames = Annotated[list[Annotated[str, Field(pattern=EXPERIMENT_NAME)]], AfterValidator(check_distinct)]


class Embeddings(Block):
    """What places every image of the collection among the others."""

    model: NotEmpty
    """An ONNX file that `treeline models export` has written, or the name of a run of this configuration."""
    batch_size: int = Field(32, ge=1)
    """Images that the model sees at once."""


class Models(Block):
    """Which models are trained."""

    folder: NotEmpty = "config/experiments"
    """Folder of the experiments, a YAML file each."""
    names: ExperimentNames = []
    """Experiments to run: names of files in the folder, without `.yaml`."""
    embeddings: Embeddings | None = None
    """Embeddings of all decoded images: the target `embeddings`; null makes none."""
