"""A model's layers, as a table that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from treeline.models.architecture.model import Model
from treeline.models.facts import ModelFacts

HEAD = ("layer", "kind", "parameters", "output")

Row = tuple[str, str, str, str]


def describe_layers(model: Model, facts: ModelFacts) -> str:
    """A line for each call of a layer, in the order of the calls, and one for the whole.

    The columns are the layer's name and class, the number of its parameters, and the shape of what it gives for one
    image.
    """
    rows: list[Row] = []
    with _hooks(model, rows), torch.no_grad():
        outputs, _ = model(torch.zeros(1, len(facts.channels), *facts.image_size, device=model.mean.device))
    rows.append(_row("all", model, outputs))
    return _table([HEAD, *rows])


@contextmanager
def _hooks(model: nn.Module, rows: list[Row]) -> Iterator[None]:
    """Have each layer that is called in the block put down its row."""

    def reporter(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda layer, inputs, output: rows.append(_row(name, layer, output))

    layers = [(name, layer) for name, layer in model.named_modules() if next(layer.children(), None) is None]
    handles = [layer.register_forward_hook(reporter(name)) for name, layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _row(name: str, layer: nn.Module, output: Tensor) -> Row:
    parameters = sum(each.numel() for each in layer.parameters())
    return name, type(layer).__name__, f"{parameters:,}", " x ".join(map(str, output.shape[1:]))


def _table(rows: Sequence[Row]) -> str:
    names, kinds, numbers, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = (
        f"{name:{names}}  {kind:{kinds}}  {parameters:>{numbers}}  {output}" for name, kind, parameters, output in rows
    )
    return "".join(f"{line}\n" for line in lines)
