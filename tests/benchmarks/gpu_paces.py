"""How many images a second one GPU trains on, in one way at a time: what `bench_models_gpu` measures with."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from statistics import mean, median
from typing import Any, Literal, NamedTuple

import lightning.pytorch as lightning
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models import resnet

from tests.benchmarks.training_steps import Stopwatch, now
from tests.model_cases import experiment
from treeline.config_datasets import EncodingName
from treeline.datasets import loader
from treeline.datasets.sample_sets import Concatenation
from treeline.models.experiment import Experiment
from treeline.models.training.data import TrainingData, open_training_data
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.training.train import make_trainer, quiet_lightning

INPUT_SIDE = 224
EPOCH = 100_000
"""Images of an epoch at least: those of the dataset, again and again, so that workers are started but once."""
SECONDS = 4.0
"""That are measured with each way of loading."""
SAMPLING_SECONDS = 0.1
RESIDENT_IMAGES = 8192
"""That are measured with a batch on the GPU."""
FIRST_STEPS = 8
"""That are not counted: in them memory is asked for, and kernels are loaded."""
TRANSFERS = 20

Precision = Literal["32-true", "bf16-mixed"]
Encoder = Literal["resnet18", "resnet50"]


class Setting(NamedTuple):
    """What is trained how."""

    encoder: Encoder
    precision: Precision
    batch_size: int


class Feed(NamedTuple):
    """Whence batches come: the dataset's form, and the processes that read it."""

    setting: Setting
    encoding: EncodingName
    workers: int


class Loaded(NamedTuple):
    """What was measured with batches from the disk.

    Args:
        rate: Images a second.
        waiting: Share of the time that steps waited for their batches, 0 to 1.
        utilisation: Percent of the time in which a kernel ran, as nvidia-smi says it; NaN where it does not.
        peak_gib: Largest memory of all tensors on the GPU.
    """

    rate: float
    waiting: float
    utilisation: float
    peak_gib: float


class Paces(NamedTuple):
    """Images a second of a batch that lies on the GPU: of Treeline's training, and of a plain loop of PyTorch."""

    treeline: float
    plain: float


class Transfer(NamedTuple):
    """How long a batch takes to the GPU.

    Args:
        size: Bytes.
        pageable: Seconds out of memory as it is.
        pinned: Seconds out of memory that is never swapped out.
    """

    size: int
    pageable: float
    pinned: float


class Pace(lightning.Callback):
    """Takes the time of many steps as one: the CPU may run ahead of the GPU, as it does when nobody looks."""

    def __init__(self) -> None:
        self._since = self.seconds = 0.0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx + 1 == FIRST_STEPS:
            self._since = now()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seconds = now() - self._since


class Gauge(lightning.Callback):
    """Samples the GPU's utilisation.

    Args:
        first_steps: After which it begins.
    """

    def __init__(self, first_steps: int) -> None:
        self._first_steps = first_steps
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.percents: list[int] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx + 1 == self._first_steps:
            self._thread.start()

    def on_train_end(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLING_SECONDS):
            self.percents.append(torch.cuda.utilization())


class Resident:
    """A batch that lies on the GPU, as often as it is wanted: in the place of a loader."""

    def __init__(self, batch: dict[str, Tensor], steps: int) -> None:
        self._batch, self._steps = batch, steps

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return repeat(self._batch, self._steps)


def measure_loaded(feed: Feed, dataset: Path) -> Loaded:
    """Train on batches from the disk."""
    chosen, data = _open(feed.setting, dataset, encoding=feed.encoding, workers=feed.workers)
    times = -(-EPOCH // len(data.train))
    data = replace(data, train=Concatenation(*[data.train] * times))
    # While the first step is prepared, workers fill their queues, of two batches each.
    first_steps = FIRST_STEPS + 2 * feed.workers
    stopwatch, gauge = Stopwatch(first_steps, SECONDS), Gauge(first_steps)
    _fit(chosen, data, [stopwatch, gauge], datamodule=Batches(data, chosen))
    steps = stopwatch.result()
    rate = len(steps.steps) * feed.setting.batch_size / steps.seconds
    return Loaded(rate, steps.waiting, mean(gauge.percents or [math.nan]), torch.cuda.max_memory_allocated() / 2**30)


def measure_resident(setting: Setting, dataset: Path) -> Paces:
    """Train on one batch that lies on the GPU, and do the same in a plain loop."""
    chosen, data = _open(setting, dataset)
    batch = {name: value.cuda() for name, value in _batch_of(data, setting.batch_size).items()}
    steps = RESIDENT_IMAGES // setting.batch_size
    pace = Pace()
    _fit(chosen, data, [pace], train_dataloaders=Resident(batch, FIRST_STEPS + steps))
    return Paces(RESIDENT_IMAGES / pace.seconds, RESIDENT_IMAGES / _plain_seconds(setting, data, batch, steps))


def _plain_seconds(setting: Setting, data: TrainingData, batch: dict[str, Tensor], steps: int) -> float:
    """Of the same steps, as PyTorch's own tutorial writes them."""
    make: Any = getattr(resnet, setting.encoder)
    network = make(num_classes=len(data.facts.class_names)).cuda()
    optimiser = torch.optim.AdamW(network.parameters(), 0.001, weight_decay=0.01)
    means, deviations = (torch.tensor(values).reshape(-1, 1, 1).cuda() for values in (data.facts.mean, data.facts.std))
    since = now()
    for step in range(FIRST_STEPS + steps):
        if step == FIRST_STEPS:
            since = now()
        with torch.autocast("cuda", torch.bfloat16, enabled=setting.precision == "bf16-mixed"):
            outputs = network((batch["image"].float() - means) / deviations)
            loss = functional.cross_entropy(outputs, batch["target"])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return now() - since


def measure_transfer(setting: Setting, dataset: Path) -> Transfer:
    """Bring a batch to the GPU, out of memory of both kinds."""
    _, data = _open(setting, dataset)
    images = _batch_of(data, setting.batch_size)["image"]
    return Transfer(images.nbytes, _transfer_seconds(images), _transfer_seconds(images.pin_memory()))


def _transfer_seconds(images: Tensor) -> float:
    times = []
    for _ in range(TRANSFERS):
        since = now()
        images.to("cuda", non_blocking=True)
        times.append(now() - since)
    return median(times)


def _open(setting: Setting, dataset: Path, **changes: Any) -> tuple[Experiment, TrainingData]:
    chosen = experiment(
        image_size=[INPUT_SIDE, INPUT_SIDE],
        architecture={"encoder": setting.encoder},
        optimiser={"learning_rate": 0.001},
        precision=setting.precision,
        batch_size=setting.batch_size,
        epochs=1,
        accelerator="gpu",
        **changes,
    )
    return chosen, open_training_data(chosen, dataset, "benchmark")


def _batch_of(data: TrainingData, batch_size: int) -> dict[str, Tensor]:
    batch: dict[str, Tensor] = next(iter(loader(data.train, batch_size)))
    return batch


def _fit(chosen: Experiment, data: TrainingData, callbacks: list[lightning.Callback], **batches: Any) -> None:
    """Train, on a GPU of which nobody else has memory."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    module = Training(chosen, data.facts, data.class_counts, len(data.train))
    with quiet_lightning():
        make_trainer(chosen, callbacks, logger=False, limit_val_batches=0).fit(module, **batches)
