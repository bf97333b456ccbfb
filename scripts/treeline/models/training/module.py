"""The step of training, as lightning wants it: what is computed of a batch, and how the weights change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn

from treeline.errors import ConfigError, TreelineError
from treeline.models.architecture.model import Model
from treeline.models.experiment import METRICS, Experiment, Freeze, Schedule
from treeline.models.facts import ModelFacts
from treeline.models.losses import make_loss
from treeline.models.metrics import compute, make_metrics, metric_inputs

MOMENTUM = 0.9
NAMED_IN_ERRORS = 5


class DivergedError(TreelineError):
    """The loss of a batch is no number any more."""


class Training(lightning.LightningModule):
    """A model in training.

    Args:
        experiment: How it is trained.
        facts: What it takes and gives.
        class_counts: Samples of `train` a class, as `make_loss` wants them.
        samples: Samples of `train`.
        model: To go on with, such as a pruned one; None makes one with random weights of the experiment's seed.

    Raises:
        ConfigError: The class weights do not fit, a frozen part is not there, or all parts are frozen.
    """

    def __init__(
        self,
        experiment: Experiment,
        facts: ModelFacts,
        class_counts: Sequence[int],
        samples: int,
        model: Model | None = None,
    ) -> None:
        super().__init__()
        if model is None:
            torch.manual_seed(experiment.seed)
            model = Model(experiment.architecture, facts)
        self.model = model
        self.experiment, self._samples = experiment, samples
        self.learning_rate = experiment.optimiser.learning_rate
        self.loss = make_loss(experiment, class_counts)
        self.metrics = make_metrics(experiment.task, experiment.metrics, len(facts.class_names))
        self.refuses_divergence = True
        self.mean_loss = MeanLoss()
        self.mean_val_loss = MeanLoss()
        check_freeze(model, experiment.freeze)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The loss of a batch.

        Raises:
            DivergedError: It is no finite number; names epoch, step and samples.
        """
        outputs, _ = self.model(batch["image"].float())
        loss: Tensor = self.loss(outputs, batch["target"])
        if self.refuses_divergence and not torch.isfinite(loss):
            raise DivergedError(self._describe_divergence(outputs, batch))
        self.mean_loss.add(loss.detach(), len(outputs))
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Count a batch of `val`."""
        outputs, _ = self.model(batch["image"].float())
        self.mean_val_loss.add(self.loss(outputs, batch["target"]), len(outputs))
        self.metrics.update(*metric_inputs(self.experiment.task, outputs.float(), batch["target"]))

    def train_results(self) -> dict[str, float]:
        """The mean loss over the images that the epoch has seen; begins anew."""
        return {"loss": self.mean_loss.take(self)}

    def val_results(self) -> dict[str, float]:
        """The mean loss and the metrics of the epoch, in the experiment's order; begins anew."""
        values = compute(self.metrics)
        self.metrics.reset()
        names = self.experiment.metrics or METRICS[self.experiment.task]
        return {"loss": self.mean_val_loss.take(self), **{name: values[name] for name in names}}

    def on_train_start(self) -> None:
        """Freeze, also where training goes on amid an epoch."""
        self._freeze()

    def on_train_epoch_start(self) -> None:
        """Unfreeze what has been frozen for long enough."""
        self._freeze()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Have what is random of a step hang on the seed and the step alone, so that no state of it is to be kept."""
        torch.manual_seed(hash((self.experiment.seed, self.global_step, self.global_rank)) % 2**63)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Leave frozen parts as they are where gradients had to be computed for the other processes' sake."""
        for part in self._frozen():
            for _, parameter in _parameters_of(self.model, part):
                parameter.grad = None

    def configure_optimizers(self) -> Any:
        """The optimiser, and the schedule that changes its rate at each step."""
        optimiser = self._optimiser()
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate())
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _optimiser(self) -> torch.optim.Optimizer:
        chosen = self.experiment.optimiser
        if chosen.name == "sgd":
            return torch.optim.SGD(
                self.model.parameters(), self.learning_rate, MOMENTUM, weight_decay=chosen.weight_decay
            )
        return torch.optim.AdamW(self.model.parameters(), self.learning_rate, weight_decay=chosen.weight_decay)

    def _rate(self) -> Callable[[int], float]:
        epoch = math.ceil(self._samples // self.trainer.world_size / self.experiment.batch_size)
        total = epoch * self.experiment.epochs
        return make_schedule(self.experiment.schedule, min(total, self.experiment.budget.steps or total), epoch)

    def _frozen(self) -> list[str]:
        return [freeze.part for freeze in self.experiment.freeze if self.current_epoch < freeze.epochs]

    def _freeze(self) -> None:
        """Frozen parts get no gradients, and their BatchNorm keeps its means.

        With several processes gradients are computed all the same: those of all of them must be of the same parts.
        """
        if not self.experiment.freeze:
            return
        self.model.train().requires_grad_(True)
        for part in self._frozen():
            for name, module in self.model.named_modules():
                if _is_in(name, part):
                    module.eval()
            for _, parameter in _parameters_of(self.model, part):
                parameter.requires_grad_(self.trainer.world_size > 1)

    def _describe_divergence(self, outputs: Tensor, batch: dict[str, Any]) -> str:
        wrong = ~torch.isfinite(self.loss.per_image(outputs, batch["target"]))
        ids = batch["id"][wrong].tolist() or batch["id"].tolist()
        named = ", ".join(map(str, ids[:NAMED_IN_ERRORS])) + (", ..." if len(ids) > NAMED_IN_ERRORS else "")
        return (
            f"the loss is no number in epoch {self.current_epoch + 1}, step {self.global_step + 1}, of the samples "
            f"{named}: lower optimiser.learning_rate, set optimiser.gradient_clip, or look at these samples."
        )


class MeanLoss(nn.Module):
    """A mean over images, summed up on the device; part of a checkpoint's weights, so that it goes on amid an epoch.

    No buffers, which lightning would make the same in all processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._total = self._count = torch.zeros(())

    def add(self, loss: Tensor, images: int) -> None:
        """Add the mean loss of a batch."""
        self._total = self._total.to(loss.device) + loss * images
        self._count = self._count.to(loss.device) + images

    def take(self, module: lightning.LightningModule) -> float:
        """The mean over the images of all processes; begins anew."""
        sums = torch.stack([self._total, self._count]).to(module.device)
        total, count = module.trainer.strategy.reduce(sums, reduce_op="sum").tolist()
        self._total = self._count = torch.zeros(())
        return total / count if count else math.nan

    def get_extra_state(self) -> Tensor:
        """What a checkpoint holds."""
        return torch.stack([self._total, self._count]).cpu()

    def set_extra_state(self, state: Tensor) -> None:
        """Go on from what a checkpoint holds."""
        self._total, self._count = state


def make_schedule(schedule: Schedule, steps: int, epoch: int) -> Callable[[int], float]:
    """Make the function from a step, from 0, to the factor of the learning rate.

    Args:
        schedule: Which.
        steps: Of the whole training.
        epoch: Steps of an epoch.
    """
    warmup = schedule.warmup_epochs * epoch

    def factor(step: int) -> float:
        rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
        if schedule.name == "constant" or step < warmup:
            return rising
        if schedule.name == "step":
            return schedule.factor ** (step // epoch // schedule.every)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(steps - warmup, 1))))

    return factor


def check_freeze(model: nn.Module, freezes: Sequence[Freeze]) -> None:
    """Check that frozen parts are there, and that something is left to train at first.

    Raises:
        ConfigError: Names the part, and those that there are.
    """
    names = [name for name, _ in model.named_parameters()]
    for freeze in freezes:
        if not any(_is_in(name, freeze.part) for name in names):
            parts = sorted({".".join(name.split(".")[:2]) for name in names} | {name.split(".")[0] for name in names})
            raise ConfigError(f"freeze: the model has no part {freeze.part!r}; it has {', '.join(parts)}.")
    if freezes and all(any(_is_in(name, freeze.part) for freeze in freezes) for name in names):
        raise ConfigError("freeze: all parts are frozen in the first epoch, and nothing is trained.")


def _parameters_of(model: nn.Module, part: str) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if _is_in(name, part)]


def _is_in(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")
