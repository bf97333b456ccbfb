"""What happens between the steps of training: results are kept, the best weights too, and a state to go on from."""

from __future__ import annotations

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as lightning
import torch

from treeline.datasets.loaders import Loader
from treeline.errors import InterruptedEarlyError
from treeline.io.atomic import atomic_path
from treeline.models.experiment import METRICS, Experiment
from treeline.models.facts import ModelFacts
from treeline.models.metrics import is_better_higher
from treeline.models.trained import MODEL, TREELINE, WEIGHTS, describe_model
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training

STATE = "state.ckpt"
"""In the folder of what is not finished: all that training goes on from."""
KEY, ORDER = "key", "order"

Row = dict[str, Any]
log = logging.getLogger(__name__)


class Record(lightning.Callback):
    """Keeps each epoch's results and the best weights, and ends training early.

    Args:
        experiment: When it ends, and what is best.
        facts: Go into the checkpoint beside the weights.
        best: Target of the best weights.
        after_epoch: Is given all rows after each epoch, in the first process.
    """

    def __init__(
        self, experiment: Experiment, facts: ModelFacts, best: Path, after_epoch: Callable[[list[Row]], None]
    ) -> None:
        self._experiment, self._facts = experiment, facts
        self._best_file, self._after_epoch = best, after_epoch
        self._metric = (experiment.metrics or METRICS[experiment.task])[0]
        self.rows: list[Row] = []
        self._best = math.nan
        self._best_epoch = 0
        self._seconds, self._since = 0.0, time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        names = {"rows": self.rows, "best": self._best, "best_epoch": self._best_epoch}
        return {**names, "seconds": self._elapsed()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what a checkpoint holds."""
        self.rows, self._best = state_dict["rows"], state_dict["best"]
        self._best_epoch, self._seconds = state_dict["best_epoch"], state_dict["seconds"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Count time from here; and end at once if what is gone on with had ended."""
        self._since = time.monotonic()
        self._end_if_due(trainer)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """End where the budget does."""
        budget = self._experiment.budget
        is_spent = budget.steps is not None and trainer.global_step >= budget.steps
        if budget.minutes is not None:
            is_spent |= self._elapsed() >= budget.minutes * 60
        if trainer.strategy.reduce_boolean_decision(is_spent, all=False):
            log.info("the budget is spent after %d steps", trainer.global_step)
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Keep the epoch's results, and its weights if they are the best; `val` has been gone through by now."""
        assert isinstance(pl_module, Training)
        epoch, step = trainer.current_epoch + 1, trainer.global_step
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        train, val = pl_module.train_results(), pl_module.val_results()
        self.rows.append({"epoch": epoch, "step": step, "split": "train", "learning_rate": rate, **train})
        self.rows.append({"epoch": epoch, "step": step, "split": "val", **val})
        if self._is_better(val[self._metric]):
            self._best, self._best_epoch = val[self._metric], epoch
            if trainer.is_global_zero:
                write_weights(self._best_file, pl_module, self._experiment, self._facts)
        if trainer.is_global_zero:
            self._log(epoch, train["loss"], val)
            self._after_epoch(self.rows)
        self._end_if_due(trainer)

    def _is_better(self, value: float) -> bool:
        """The first epoch's is, even if it is no number."""
        if self._best_epoch == 0 or (math.isnan(self._best) and not math.isnan(value)):
            return True
        return value > self._best if is_better_higher(self._experiment.task, self._metric) else value < self._best

    def _end_if_due(self, trainer: lightning.Trainer) -> None:
        stopping, epochs = self._experiment.early_stopping, len(self.rows) // 2
        if stopping is not None and epochs and epochs - self._best_epoch >= stopping.patience:
            log.info("%s was best in epoch %d, %d epochs ago: ends", self._metric, self._best_epoch, stopping.patience)
            trainer.should_stop = True

    def _elapsed(self) -> float:
        """Seconds of training, also before it was interrupted."""
        return self._seconds + time.monotonic() - self._since

    def _log(self, epoch: int, loss: float, val: dict[str, float]) -> None:
        values = ", ".join(f"{name} {value:.4g}" for name, value in val.items())
        log.info("epoch %d of %d: train: loss %.4g; val: %s", epoch, self._experiment.epochs, loss, values)


class Keeper(lightning.Callback):
    """Saves the state that training goes on from, as a whole or not at all; amid epochs, and at the end of each.

    Args:
        folder: Of what is not finished.
        key: Of what is trained on what: another one's state is not gone on with.
        every_seconds: Between two states amid an epoch.
        stop: Says when to save, and end early.
    """

    def __init__(self, folder: Path, key: str, every_seconds: float, stop: Callable[[], bool]) -> None:
        self._file, self._key = folder / STATE, key
        self._every_seconds, self._stop = every_seconds, stop
        self._saved = time.monotonic()
        self._is_between_epochs = False
        self._order: dict[str, Any] | None = None

    def on_save_checkpoint(self, trainer: lightning.Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Say of what the state is, and how far the order of the samples has been gone through.

        Between two epochs, the one has wholly ended, and the other has not begun: lightning would take the other for
        begun, and its batches for those of the one, all of them done.
        """
        checkpoint[KEY], checkpoint[ORDER] = self._key, _loader_of(trainer).state_dict()
        if self._is_between_epochs:
            for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
                counts.update(dict.fromkeys(counts, trainer.current_epoch))

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Note where the order of the samples is gone on with."""
        self._order = checkpoint[ORDER]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Go on with the order of the samples: lightning does that amid epochs alone."""
        if self._order is not None:
            _loader_of(trainer).load_state_dict(self._order)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save where one epoch has ended, and the next has read nothing."""
        if trainer.current_epoch:
            self._is_between_epochs = True
            self._save(trainer)
            self._is_between_epochs = False

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save amid an epoch: not after the last step, which is followed by `val` and by the end of the epoch."""
        if batch_idx + 1 >= trainer.num_training_batches or trainer.should_stop:
            return
        is_due = time.monotonic() - self._saved >= self._every_seconds or self._stop()
        if trainer.strategy.reduce_boolean_decision(is_due, all=False):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: lightning.LightningModule) -> None:
        """Have the loader's state be that of the next epoch, and not one of which nothing is left."""
        _loader_of(trainer).order.end()

    def _save(self, trainer: lightning.Trainer) -> None:
        if trainer.is_global_zero:
            with atomic_path(self._file) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(self._file)  # the first process writes, the others take part
        self._saved = time.monotonic()
        if trainer.strategy.reduce_boolean_decision(self._stop(), all=False):
            raise InterruptedEarlyError(
                f"stopped after {trainer.global_step} steps, which are saved in {self._file.parent}: "
                "run the same again, and training goes on from there."
            )


def _loader_of(trainer: Any) -> Loader:
    batches = trainer.datamodule
    assert isinstance(batches, Batches) and batches.train is not None
    return batches.train


def write_weights(target: Path, module: Training, experiment: Experiment, facts: ModelFacts) -> None:
    """Write a checkpoint of the weights alone, as `trained.load_trained` reads it; the same bytes for the same."""
    weights = {MODEL + name: value.detach().cpu().clone() for name, value in module.model.state_dict().items()}
    with atomic_path(target) as temporary:
        torch.save({WEIGHTS: weights, TREELINE: describe_model(experiment, facts)}, temporary)


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Note SIGTERM, with which Slurm and Snakemake end a job, instead of dying of it; gives whether it came."""
    came: list[int] = []
    process = os.getpid()

    def note(number: int, _: FrameType | None) -> None:
        if os.getpid() != process:  # a worker that was forked, and is to end
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        came.append(number)

    before = signal.signal(signal.SIGTERM, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGTERM, before)
