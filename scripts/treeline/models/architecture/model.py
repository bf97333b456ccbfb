"""The model: normalisation, encoder and decoder in one module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from treeline.models.architecture.decoders import DECODER_CLASSES
from treeline.models.architecture.encoders import make_encoder, pooled
from treeline.models.experiment import DECODERS, Architecture
from treeline.models.facts import ModelFacts


class Model(nn.Module):
    """What takes images, and gives what `ModelFacts` says.

    Args:
        architecture: Of which parts.
        facts: What it takes and gives.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture, facts: ModelFacts) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(facts.mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(facts.std).reshape(-1, 1, 1))
        self.encoder = make_encoder(architecture.encoder, len(facts.channels))
        decoder = architecture.decoder or DECODERS[facts.task][0]
        outputs = max(len(facts.class_names), 1)
        self.decoder = DECODER_CLASSES[decoder](self.encoder.widths, outputs, architecture.dropout)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and embeddings of images.

        Args:
            images: N x channels x height x width, in the images' own units, as float32.
        """
        features = self.encoder.features((images - self.mean) / self.std)
        return self.decoder(features, images.shape[-2:]), pooled(features[-1])
