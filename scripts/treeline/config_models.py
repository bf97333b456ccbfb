"""The configuration of models; each experiment has a file of its own (`treeline.models.experiment`)."""

from __future__ import annotations

from typing import Annotated, Literal

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


Step = Literal["report", "optimise", "export"]
"""What is made of a trained and evaluated run."""


class Models(Block):
    """Which models are trained."""

    folder: NotEmpty = "config/experiments"
    """Folder of the experiments, a YAML file each."""
    names: ExperimentNames = []
    """Experiments to run: names of files in the folder, without `.yaml`."""
    steps: Annotated[list[Step], AfterValidator(check_distinct)] = ["report", "optimise", "export"]
    """What the target `models` makes of each run, once it is trained and evaluated. Of a large sweep `[report]` is
    enough: what else is wanted of the best run is a target of its own, such as `results/models/birds-03/model.onnx`."""
    classify: NotEmpty | None = None
    """Model that says what the detector's boxes show, as `embeddings.model`; null leaves the detector's results."""
    embeddings: Embeddings | None = None
    """Embeddings of all decoded images: the target `embeddings`; null makes none."""
