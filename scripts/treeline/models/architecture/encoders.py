"""Encoders: from images to maps of features, each of half the height and width of the one before.

The ResNets are torchvision's own, so that the keys of their state dicts are, too, and published weights fit. They are
`Deep Residual Learning for Image Recognition` (He et al. 2016), https://arxiv.org/abs/1512.03385.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from treeline.models.experiment import EncoderName

RGB = 3


class Encoder(nn.Module, ABC):
    """Turns images into maps of features.

    `widths` are the channels of the maps, finest first; the last map is the one that is averaged into an embedding.
    """

    widths: tuple[int, ...]

    @property
    @abstractmethod
    def last(self) -> nn.Module:
        """What gives the last map."""

    @abstractmethod
    def features(self, images: Tensor) -> list[Tensor]:
        """Maps of features of N x C x H x W images: N x width x H / stride x W / stride each, finest first."""


class ResNet(Encoder):
    """torchvision's ResNet without its classifier; its maps have strides of 2, 4, 8, 16 and 32 pixels.

    Args:
        make: One of torchvision's functions, such as `resnet.resnet18`.
        channels: Of the images; other than 3 make a first layer of as many.
    """

    def __init__(self, make: Callable[..., resnet.ResNet], channels: int) -> None:
        super().__init__()
        network = make(weights=None)
        if channels != RGB:
            network.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        width = network.fc.in_features
        self.widths = (64, width // 8, width // 4, width // 2, width)
        # As children, not as one child: the keys are then torchvision's.
        for name, child in network.named_children():
            if name not in ("fc", "avgpool"):
                self.add_module(name, child)

    @property
    def last(self) -> nn.Module:
        """What gives the last map."""
        return self.get_submodule("layer4")

    def features(self, images: Tensor) -> list[Tensor]:
        """Maps of features, finest first."""
        features = images
        maps: list[Tensor] = []
        for name, child in self.named_children():
            features = child(features)
            if name == "relu" or name.startswith("layer"):
                maps.append(features)
        return maps


class ConvNet(Encoder):
    """Four blocks of two convolutions: for small images, and where a ResNet takes too long.

    Its maps have strides of 1, 2, 4 and 8 pixels.

    Args:
        channels: Of the images.
    """

    widths = (16, 32, 64, 128)

    def __init__(self, channels: int) -> None:
        super().__init__()
        inputs = (channels, *self.widths[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(*convolution(before, width), *convolution(width, width))
            for before, width in zip(inputs, self.widths, strict=True)
        )
        self.pool = nn.MaxPool2d(2)

    @property
    def last(self) -> nn.Module:
        """What gives the last map."""
        return self.blocks[-1]

    def features(self, images: Tensor) -> list[Tensor]:
        """Maps of features, finest first."""
        maps: list[Tensor] = []
        for block in self.blocks:
            maps.append(block(self.pool(maps[-1]) if maps else images))
        return maps


def convolution(before: int, after: int) -> list[nn.Module]:
    """Layers of a convolution of 3 x 3, normalised."""
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def make_encoder(name: EncoderName, channels: int) -> Encoder:
    """Make an encoder with random weights.

    Args:
        name: Of the architecture.
        channels: Of the images.
    """
    if name == "convnet":
        return ConvNet(channels)
    make: Any = getattr(resnet, name)
    return ResNet(make, channels)


def pooled(features: Tensor) -> Tensor:
    """The mean of each channel over the image: N x width."""
    return torch.flatten(nn.functional.adaptive_avg_pool2d(features, 1), 1)
