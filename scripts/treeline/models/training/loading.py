"""Batches for training: each process has its share of the samples.

Lightning would put a sampler of its own in the place of the loader's order, which knows how far training is. So the
samples are shared out before: of W processes, process R has the samples R, R + W, R + 2 W ... In `train` those that are
left over are left out, for all must have as many steps. One process has all.
"""

from __future__ import annotations

from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pandas as pd

from treeline.datasets import Draw, Loader, SampleSet, loader
from treeline.errors import ConfigError
from treeline.models.experiment import Experiment
from treeline.models.training.data import TrainingData


class Share(SampleSet):
    """Every `processes`-th sample of a dataset.

    Args:
        samples: All of them.
        rank: Number of the process, from 0.
        processes: How many there are.
        equal: Whether all have as many.
    """

    def __init__(self, samples: SampleSet, rank: int, processes: int, *, equal: bool) -> None:
        self._samples, self._rank, self._processes = samples, rank, processes
        self.contents = samples.contents
        self._count = len(samples) // processes if equal else len(range(rank, len(samples), processes))

    def __len__(self) -> int:
        return self._count

    def read(self, draw: Draw) -> Any:
        """Read a sample of the share."""
        return self._samples.read(draw._replace(number=self._rank + draw.number * self._processes))

    @property
    def mixes(self) -> bool:
        """Whether the transforms mix the samples of a batch."""
        return self._samples.mixes

    def mix(self, batch: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        """Mix the samples of a batch."""
        return self._samples.mix(batch, generator)

    def keys(self, column: str) -> pd.Series[Any]:
        """A column of the share."""
        return self._samples.keys(column).iloc[self._places()].reset_index(drop=True)

    def extents(self) -> pd.DataFrame:
        """What each sample of the share covers."""
        return self._samples.extents().iloc[self._places()].reset_index(drop=True)

    def _places(self) -> list[int]:
        return [self._rank + number * self._processes for number in range(self._count)]


class Batches(lightning.LightningDataModule):
    """The loaders of a run.

    Args:
        data: What it is trained on.
        experiment: Batch size, workers and seed.
    """

    def __init__(self, data: TrainingData, experiment: Experiment) -> None:
        super().__init__()
        self._data, self._experiment = data, experiment
        self.train: Loader | None = None

    def train_dataloader(self) -> Loader:
        """Shuffled anew in each epoch.

        Raises:
            ConfigError: There are fewer samples than processes.
        """
        self.train = self._loader(self._data.train, equal=True)
        return self.train

    def val_dataloader(self) -> Loader:
        """In their order."""
        return self._loader(self._data.val, equal=False)

    def _loader(self, samples: SampleSet, *, equal: bool) -> Loader:
        assert self.trainer is not None  # lightning has set it
        share = Share(samples, self.trainer.global_rank, self.trainer.world_size, equal=equal)
        if not len(share) and equal:
            raise ConfigError(f"train has {len(samples)} samples for {self.trainer.world_size} processes: use fewer.")
        chosen = self._experiment
        pinned = self.trainer.strategy.root_device.type == "cuda"
        return loader(share, chosen.batch_size, workers=chosen.workers, seed=chosen.seed, shuffle=equal, pinned=pinned)
