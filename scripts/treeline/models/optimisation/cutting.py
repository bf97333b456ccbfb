"""Structured pruning: whole channels are removed, and with them the time that they take.

Only channels that nothing outside their block sees are removed: those between two convolutions of a block. The maps
that blocks and the decoder hand to each other keep their widths, so that the rest of the model stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torchvision.models import resnet

from treeline.models.architecture.encoders import ConvNet, Encoder


class Inner(NamedTuple):
    """Channels within a block: what makes them, and the only one that reads them.

    Args:
        maker: Its outputs are the channels.
        norm: Normalises them; a ReLU follows.
        reader: Its inputs are the channels.
    """

    maker: nn.Conv2d
    norm: nn.BatchNorm2d
    reader: nn.Conv2d


def inner_channels(encoder: nn.Module) -> list[Inner]:
    """All channels of an encoder that can be removed, in the order in which they are computed."""
    found = []
    for module in encoder.modules():
        if isinstance(module, ConvNet):
            found += [Inner(block[0], block[1], block[3]) for block in module.blocks]  # type: ignore[index]
        elif isinstance(module, resnet.BasicBlock):
            found.append(Inner(module.conv1, module.bn1, module.conv2))
        elif isinstance(module, resnet.Bottleneck):
            found += [Inner(module.conv1, module.bn1, module.conv2), Inner(module.conv2, module.bn2, module.conv3)]
    return found


def cut_channels(encoder: Encoder, share: float) -> None:
    """Remove the weakest inner channels of every block, in place.

    Weak is what a convolution and the normalisation after it, taken as one, hardly change: the L2 norm of its weights
    times the normalisation's factor (`Pruning Filters for Efficient ConvNets`, Li et al. 2017,
    https://arxiv.org/abs/1608.08710, with the normalisation folded in). What channels that are always 0 give is
    nothing: without them the outputs are the same.

    Args:
        encoder: It is changed.
        share: Of the channels of each block, above 0 and below 1; rounded, and at least one is left.
    """
    for inner in inner_channels(encoder):
        _keep(inner, _strongest(inner, share))


def _strongest(inner: Inner, share: float) -> Tensor:
    """Numbers of the channels to keep, rising."""
    maker, norm = inner.maker, inner.norm
    count = min(round(share * maker.out_channels), maker.out_channels - 1)
    assert norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = (maker.weight * factor.reshape(-1, 1, 1, 1)).detach()
    method = prune.LnStructured(count, n=2, dim=0)
    is_kept = method.compute_mask(folded, torch.ones_like(folded))[:, 0, 0, 0]  # type: ignore[no-untyped-call]
    return torch.nonzero(is_kept).flatten()


@torch.no_grad()
def _keep(inner: Inner, kept: Tensor) -> None:
    maker, norm, reader = inner
    maker.weight = nn.Parameter(maker.weight[kept])
    norm.weight, norm.bias = nn.Parameter(norm.weight[kept]), nn.Parameter(norm.bias[kept])
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean, norm.running_var = norm.running_mean[kept], norm.running_var[kept]
    reader.weight = nn.Parameter(reader.weight[:, kept])
    maker.out_channels = norm.num_features = reader.in_channels = len(kept)
