"""Published weights, out of files: an encoder's start."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from treeline.errors import InputError
from treeline.io.parquet import sha256_of_file
from treeline.models.architecture.encoders import Encoder
from treeline.models.experiment import Weights

CLASSIFIER = "fc."
"""Beginning of the keys of torchvision's classifier, which is another one here."""
FIRST = "conv1.weight"
COUNTER = "num_batches_tracked"
"""End of keys that files of before PyTorch 0.4.1 lack; training with a momentum does not read them."""
NAMED_IN_ERRORS = 3


def load_encoder(encoder: Encoder, weights: Weights) -> None:
    """Load weights into an encoder.

    A file of RGB images is made to fit other channels: each has the mean of the three filters, times three by the
    number of channels, so that the layer's outputs stay as large. So does timm (`adapt_input_conv`), for grey images.

    Args:
        encoder: To be changed.
        weights: The file, and the SHA-256 that it must have.

    Raises:
        InputError: The file is missing or another one, is no state dict, or its keys or sizes are not the encoder's.
    """
    file = Path(weights.file)
    if not file.is_file():
        raise InputError(file, "is not there.", field="architecture.weights.file", fix="Get the published weights.")
    found = sha256_of_file(file)
    if found != weights.sha256:
        problem = f"its SHA-256 is {found}, and not {weights.sha256}: it is damaged, or another file."
        raise InputError(file, problem, field="architecture.weights.sha256")
    state = _read(file)
    own = encoder.state_dict()
    if FIRST in state and FIRST in own:
        state[FIRST] = _for_channels(state[FIRST], own[FIRST].shape[1])
    _check(file, state, own)
    encoder.load_state_dict({**own, **state})


def _read(file: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        return {name: value for name, value in content.items() if not name.startswith(CLASSIFIER)}
    except (OSError, RuntimeError, EOFError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        raise InputError(file, f"is no state dict of PyTorch: {error}") from None


def _check(file: Path, state: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    missing = [name for name in own if name not in state and not name.endswith(COUNTER)]
    strange = [name for name in state if name not in own]
    for what, names in (("lacks", missing), ("has, and the encoder has not,", strange)):
        if names:
            named = ", ".join(names[:NAMED_IN_ERRORS]) + (", ..." if len(names) > NAMED_IN_ERRORS else "")
            raise InputError(file, f"{what} {len(names)} weights: {named}.", fix="Is it of architecture.encoder?")
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.shape != own[name].shape:
            sizes = " x ".join(map(str, getattr(value, "shape", ()))), " x ".join(map(str, own[name].shape))
            raise InputError(file, f"its {name} is {sizes[0]}, the encoder's {sizes[1]}.", field=name)


def _for_channels(filters: Tensor, channels: int) -> Tensor:
    if filters.shape[1] == channels:
        return filters
    return filters.mean(1, keepdim=True).repeat(1, channels, 1, 1) * (filters.shape[1] / channels)
