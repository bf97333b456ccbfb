"""Unstructured pruning: the smallest weights of the whole model are 0.

The model keeps its shape: it is no faster and its file no smaller, unless something compresses the file.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils import prune

WEIGHT = "weight"


def mask_weights(model: nn.Module, amount: float) -> None:
    """Hold the smallest weights at 0, in place, until `keep_zeros`; training goes around them.

    The weights are those of all convolutions and linear layers, compared with each other by their absolute values
    (`Learning both Weights and Connections for Efficient Neural Networks`, Han et al. 2015,
    https://arxiv.org/abs/1506.02626).

    Args:
        model: It cannot be copied until `keep_zeros`.
        amount: Share of the weights, above 0 and below 1.
    """
    layers = [(layer, WEIGHT) for layer in _layers(model)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=amount)


def keep_zeros(model: nn.Module) -> None:
    """Make the zeros of `mask_weights` part of the weights, in place."""
    for layer in _layers(model):
        prune.remove(layer, WEIGHT)  # type: ignore[no-untyped-call]


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Count parameters, and those of them that are not 0."""
    values = list(model.parameters())
    return sum(value.numel() for value in values), sum(int(value.count_nonzero()) for value in values)


def _layers(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
