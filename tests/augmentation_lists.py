"""Lists of augmentations for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from treeline.datasets.augmentations import Augmentations
from treeline.datasets.augmentations.listed import KINDS

NEEDED: dict[str, dict[str, Any]] = {
    "crop_resize": {"size": [9, 9]},
    "normalise": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]},
}
"""Options that have no default."""
GEOMETRIC = ["horizontal_flip", "vertical_flip", "quarter_turns", "affine", "crop_resize"]
ORDER = [*(name for name in KINDS if name not in ("normalise", "cutmix", "mixup")), "normalise", "cutmix", "mixup"]
"""All names, in an order in which they may come."""


def certain(name: str, **options: Any) -> dict[str, Any]:
    """An entry that changes every sample."""
    always = {} if name in ("to_float", "normalise") else {"probability": 1}
    return {name: {**NEEDED.get(name, {}), **always, **options}}


def augmentations(*entries: dict[str, Any]) -> Augmentations:
    """Those of a list as YAML has it."""
    return Augmentations([KINDS[name].model_validate(options) for entry in entries for name, options in entry.items()])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Let PyTorch do its work in one thread: those of several tests at once would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
