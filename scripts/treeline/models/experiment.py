"""What a model is to be, and how it is trained: the content of `config/experiments/<name>.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from treeline.config_datasets import DATASET_NAME, EncodingName
from treeline.config_models import EXPERIMENT_NAME
from treeline.config_values import Block, NotEmpty, check_distinct
from treeline.errors import InputError

Task = Literal["multiclass", "multilabel", "regression", "segmentation"]
EncoderName = Literal["convnet", "resnet18", "resnet34", "resnet50"]
DecoderName = Literal["linear", "multilabel", "unet", "fpn"]
LossName = Literal[
    "cross_entropy", "focal", "dice", "binary_cross_entropy", "mean_squared_error", "mean_absolute_error"
]
POWERS_OF_TEN = "YAML takes 1e-3 for a text: write 0.001 or 1.0e-3."
Side = Annotated[int, Field(ge=8)]
Positive = Annotated[float, Field(gt=0)]

DECODERS: dict[Task, tuple[DecoderName, ...]] = {
    "multiclass": ("linear",),
    "multilabel": ("multilabel",),
    "regression": ("linear",),
    "segmentation": ("unet", "fpn"),
}
"""Decoders that can learn each task."""
LOSSES: dict[Task, tuple[LossName, ...]] = {
    "multiclass": ("cross_entropy", "focal"),
    "multilabel": ("binary_cross_entropy", "focal"),
    "regression": ("mean_squared_error", "mean_absolute_error"),
    "segmentation": ("cross_entropy", "focal", "dice"),
}
"""Losses that fit each task; the first is the one of an experiment that names none."""
METRICS: dict[Task, tuple[str, ...]] = {
    "multiclass": ("accuracy", "balanced_accuracy", "f1", "average_precision", "auroc"),
    "multilabel": ("accuracy", "f1", "average_precision", "auroc"),
    "regression": ("mean_absolute_error", "root_mean_squared_error", "r2"),
    "segmentation": ("iou", "accuracy", "f1"),
}
"""Metrics of each task, all from torchmetrics; the first is what the best checkpoint is chosen by, on `val`."""


class Weights(Block):
    """Published weights that an encoder starts from."""

    file: NotEmpty
    """A state dict of PyTorch with torchvision's keys; a classifier's `fc` is left out."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 that the file must have."""


class Architecture(Block):
    """Of which parts the model is."""

    encoder: EncoderName = "resnet18"
    """`resnet18`, `resnet34`, `resnet50`, or `convnet`, a small one for small images."""
    decoder: DecoderName | None = None
    """`linear`, `multilabel`, `unet` or `fpn`; without one, the first that fits the task."""
    weights: Weights | None = None
    """Weights that the encoder starts from; none starts from random ones."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the decoder's inputs that are set to 0 while training."""


class LossTerm(Block):
    """One term of the loss."""

    name: LossName
    """`cross_entropy`, `focal`, `dice`, `binary_cross_entropy`, `mean_squared_error` or `mean_absolute_error`."""
    weight: Positive = 1.0
    """Factor in the sum."""
    class_weights: Literal["balanced"] | list[Positive] | None = None
    """`balanced`: the number of samples by that of the class and of classes; or a weight a class, in their order."""
    gamma: float = Field(2.0, ge=0)
    """`focal`: how much less what is well classified counts."""


class Optimiser(Block):
    """What changes the weights."""

    name: Literal["adamw", "sgd"] = "adamw"
    """`adamw` or `sgd`, which has a momentum of 0.9."""
    learning_rate: Positive = 1e-3
    """Of the schedule, the highest; `treeline models learning-rate` advises one."""
    weight_decay: float = Field(0.01, ge=0)
    """How strongly weights are drawn to 0."""
    gradient_clip: Positive | None = None
    """Largest norm of the gradient; a longer one is shortened."""


class Schedule(Block):
    """How the learning rate changes from step to step."""

    name: Literal["constant", "cosine", "step"] = "cosine"
    """`constant`; `cosine`: down to 0 at the end; `step`: by `factor` after each `every` epochs."""
    warmup_epochs: float = Field(0.0, ge=0)
    """Epochs in which the rate rises from 0."""
    every: int = Field(10, ge=1)
    """`step`: epochs between two changes."""
    factor: float = Field(0.1, gt=0, lt=1)
    """`step`: what the rate is multiplied by."""


class Freeze(Block):
    """A part that is not trained at first."""

    part: NotEmpty
    """A part of the model by the beginning of its parameters' names: `encoder`, `encoder.layer1`, `decoder`."""
    epochs: int = Field(ge=1)
    """First epochs in which it stays as it is."""


class EarlyStopping(Block):
    """When training ends before its epochs do."""

    patience: int = Field(5, ge=1)
    """Epochs without a better value of the first metric on `val`."""


class Budget(Block):
    """Where training ends, whatever the epochs: what is best by then is the result."""

    minutes: Positive | None = None
    """Minutes of training."""
    steps: int | None = Field(None, ge=1)
    """Batches."""


class Sweep(Block):
    """Several runs of one experiment; a run's name is the experiment's, and `-` and a number from 01."""

    grid: dict[NotEmpty, Annotated[list[Any], Field(min_length=1)]] = {}
    """Keys with their values, such as `{optimiser.learning_rate: [0.001, 0.01]}`: a run for each combination."""
    runs: list[dict[NotEmpty, Any]] = []
    """Or a list of runs, each with the keys that it changes."""


class Experiment(Block):
    """The content of `config/experiments/<name>.yaml`."""

    title: NotEmpty
    """What is to be found out, in a sentence."""
    dataset: str = Field(pattern=DATASET_NAME)
    """Name of the dataset."""
    encoding: EncodingName = "hdf5"
    """The form of the dataset that is read."""
    task: Task
    """What is to be learned: the dataset's task."""
    image_size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """Height and width in pixels to which every image is resized."""
    architecture: Architecture = Architecture()
    """Of which parts the model is."""
    loss: list[LossTerm] = []
    """Terms that are added; without any, the first that fits the task."""
    metrics: Annotated[list[NotEmpty], AfterValidator(check_distinct)] = []
    """By torchmetrics; the first chooses the best checkpoint. Without any, all that fit the task."""
    optimiser: Optimiser = Optimiser()
    """What changes the weights."""
    schedule: Schedule = Schedule()
    """How the learning rate changes."""
    freeze: list[Freeze] = []
    """Parts that are not trained at first."""
    augmentation: NotEmpty | None = None
    """File of augmentations, as in `config/augmentations`; they are given bytes, and are not to normalise."""
    epochs: int = Field(ge=1)
    """Times that every sample of `train` is seen."""
    batch_size: int = Field(32, ge=1)
    """Samples of a step, of one process."""
    workers: int = Field(1, ge=0)
    """Processes that read."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Of the weights, the order and the augmentations."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """In which numbers it is computed."""
    early_stopping: EarlyStopping | None = None
    """When training ends before its epochs do; null never."""
    budget: Budget = Budget()
    """Where training ends, whatever the epochs."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """`auto` takes the GPUs that there are."""
    devices: int = Field(1, ge=1)
    """GPUs, or processes on the CPU, of one machine."""
    nodes: int = Field(1, ge=1)
    """Machines; under Slurm, `devices` processes run on each."""
    loggers: Annotated[list[Literal["tensorboard", "mlflow"]], AfterValidator(check_distinct)] = []
    """Beside `metrics.csv`: files of TensorBoard, a folder of MLflow."""
    attributions: Annotated[
        list[Literal["integrated_gradients", "grad_cam", "occlusion"]], AfterValidator(check_distinct)
    ] = ["grad_cam"]
    """Which show, in the evaluation, where the model looks."""
    sweep: Sweep | None = None
    """Several runs with other values; null is one run."""

    @model_validator(mode="after")
    def _fits_its_task(self) -> Experiment:
        self._check("architecture.decoder", [self.architecture.decoder or DECODERS[self.task][0]], DECODERS[self.task])
        self._check("loss", [term.name for term in self.loss], LOSSES[self.task])
        self._check("metrics", self.metrics, METRICS[self.task])
        return self

    def _check(self, key: str, values: list[Any], possible: tuple[str, ...]) -> None:
        for value in values:
            if value not in possible:
                raise ValueError(f"{key}: {value} does not fit the task {self.task}; what does: {', '.join(possible)}")


def read_experiment(file: Path) -> Experiment:
    """Read an experiment.

    Raises:
        InputError: The file is missing, is no YAML, has an unknown key or a wrong value; names the key.
    """
    if re.fullmatch(EXPERIMENT_NAME, file.stem) is None:
        raise InputError(file, "its name is the experiment's: a-z, 0-9, '.', '_' and '-'.", fix="Rename it.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(file, f"cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(file, f"is not YAML: {error}") from None
    return parse_experiment(content, file)


def parse_experiment(content: Any, file: Path) -> Experiment:
    """Check an experiment.

    Args:
        content: As YAML gives it.
        file: Whence, for errors.

    Raises:
        InputError: It has an unknown key or a wrong value; names the key.
    """
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or None
        fix = POWERS_OF_TEN if first["type"] == "float_type" and isinstance(first["input"], str) else ""
        raise InputError(file, first["msg"].removeprefix("Value error, ") + ".", field=field, fix=fix) from None
