"""Decoders: from maps of features to outputs.

The UNet is that of `U-Net: Convolutional Networks for Biomedical Image Segmentation` (Ronneberger et al. 2015),
https://arxiv.org/abs/1505.04597, with bilinear upsampling; the FPN that of `Feature Pyramid Networks for Object
Detection` (Lin et al. 2017), https://arxiv.org/abs/1612.03144, its maps added into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from treeline.models.architecture.encoders import convolution, pooled
from treeline.models.experiment import DecoderName

PYRAMID_WIDTH = 64
"""Channels of the maps of the FPN."""


class Linear(nn.Module):
    """One layer over the pooled features: N x outputs; of a multilabel task, a logit a label.

    Args:
        widths: Channels of the encoder's maps.
        outputs: Classes, labels, or 1 of a regression.
        dropout: Share of the features that are set to 0 while training.
    """

    def __init__(self, widths: Sequence[int], outputs: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.layer = nn.Linear(widths[-1], outputs)

    def forward(self, features: Sequence[Tensor], size: torch.Size) -> Tensor:
        """Outputs of maps of features."""
        outputs: Tensor = self.layer(self.dropout(pooled(features[-1])))
        return outputs


class UNet(nn.Module):
    """From the coarsest map upwards, each joined with the next finer one: logits N x outputs x height x width.

    Args:
        widths: Channels of the encoder's maps, finest first.
        outputs: Classes.
        dropout: Share of the last map's channels that are set to 0 while training.
    """

    def __init__(self, widths: Sequence[int], outputs: int, dropout: float) -> None:
        super().__init__()
        coarse_to_fine = list(widths)[::-1]
        self.joints = nn.ModuleList(
            nn.Sequential(*convolution(coarse + fine, fine)) for coarse, fine in pairwise(coarse_to_fine)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.layer = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, features: Sequence[Tensor], size: torch.Size) -> Tensor:
        """Logits at `size`, height and width of the images."""
        *finer, current = features
        for joint, fine in zip(self.joints, finer[::-1], strict=True):
            current = joint(torch.cat([_resized(current, fine.shape[-2:]), fine], 1))
        return _resized(self.layer(self.dropout(current)), size)


class Pyramid(nn.Module):
    """A light FPN: maps brought to one width, added from coarse to fine: logits N x outputs x height x width.

    Args:
        widths: Channels of the encoder's maps, finest first.
        outputs: Classes.
        dropout: Share of the last map's channels that are set to 0 while training.
    """

    def __init__(self, widths: Sequence[int], outputs: int, dropout: float) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(width, PYRAMID_WIDTH, 1) for width in widths)
        self.smooth = nn.Sequential(*convolution(PYRAMID_WIDTH, PYRAMID_WIDTH))
        self.dropout = nn.Dropout2d(dropout)
        self.layer = nn.Conv2d(PYRAMID_WIDTH, outputs, 1)

    def forward(self, features: Sequence[Tensor], size: torch.Size) -> Tensor:
        """Logits at `size`, height and width of the images."""
        *finer, current = [lateral(each) for lateral, each in zip(self.laterals, features, strict=True)]
        for fine in finer[::-1]:
            current = fine + _resized(current, fine.shape[-2:])
        return _resized(self.layer(self.dropout(self.smooth(current))), size)


DECODER_CLASSES: dict[DecoderName, type[Linear | UNet | Pyramid]] = {
    "linear": Linear,
    "multilabel": Linear,
    "unet": UNet,
    "fpn": Pyramid,
}


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    if maps.shape[-2:] == size:
        return maps
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
