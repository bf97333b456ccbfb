"""Some images of a dataset, as a model takes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from treeline.datasets import Dataset
from treeline.models.optimisation.latency import Images

CALIBRATION_IMAGES = 128
"""Images by which scales are chosen; a few hundred are enough (https://arxiv.org/abs/2004.09602, section 5)."""


def spread_images(samples: Dataset, count: int, batch_size: int) -> Iterator[Images]:
    """Give images from all over a dataset, in batches.

    Args:
        samples: Where they are from.
        count: How many; all, if there are less.
        batch_size: Images a batch; the last may have less.
    """
    numbers = np.unique(np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(np.int64))
    for start in range(0, len(numbers), batch_size):
        images = [samples[int(number)]["image"] for number in numbers[start : start + batch_size]]
        yield torch.stack(images).float().numpy()
