"""Models in ONNX files, run without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax  # type: ignore[import-untyped]

from treeline.errors import InputError
from treeline.io.datasets.encodings.sizes import resize_bands
from treeline.io.datasets.samples import Bands
from treeline.models.experiment import Task
from treeline.models.facts import ModelFacts

TREELINE = "treeline"
"""Key of the file's metadata under which the facts are, as JSON."""
IMAGES, OUTPUTS, EMBEDDING = "images", "outputs", "embedding"
"""Names of the input and of the outputs; the first dimension of each is free."""
ELSEWHERE = "AzureExecutionProvider"
"""Runs models on machines of others; onnxruntime lists it wherever it is installed."""


def probabilities(task: Task, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Probabilities from 0 to 1 of a model's outputs, in their shape: `tasks.probabilities` without torch.

    Args:
        task: `multiclass` or `multilabel`.
        outputs: Logits; the classes last.
    """
    logits = outputs.astype(np.float64)
    found: npt.NDArray[np.float64] = expit(logits) if task == "multilabel" else softmax(logits, axis=-1)
    return found


class Answers(NamedTuple):
    """What a model gives for N images.

    Args:
        outputs: As `ModelFacts` says.
        embeddings: N x dimensions.
    """

    outputs: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]


class OnnxModel:
    """An exported model, on the CPU, or on a GPU where the installed onnxruntime knows it.

    Args:
        file: The ONNX file.
        threads: Most threads that it computes with.

    Raises:
        InputError: The file is missing, no model, or none that Treeline has exported.
    """

    def __init__(self, file: Path, *, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        if not file.is_file():
            raise InputError(file, "is not there.", fix="Export a model: treeline models export --help.")
        providers = [name for name in onnxruntime.get_available_providers() if name != ELSEWHERE]
        try:
            self._session = onnxruntime.InferenceSession(file, options, providers=providers)
            described = self._session.get_modelmeta().custom_metadata_map[TREELINE]
            self.facts = ModelFacts.model_validate_json(described)
        except KeyError:
            fix = "Export it: treeline models export --help."
            raise InputError(file, "is an ONNX file, but none of Treeline.", fix=fix) from None
        except Exception as error:  # onnxruntime has a class for each kind of damage, and no common one
            raise InputError(file, f"is no ONNX file of Treeline, or a damaged one: {error}") from None

    def prepare(self, images: Sequence[Bands]) -> npt.NDArray[np.float32]:
        """Bring images to the size and form that the model takes: N x channels x height x width.

        Args:
            images: Height x width x channels each.

        Raises:
            ValueError: An image has another number of channels.
        """
        height, width = self.facts.image_size
        for image in images:
            if image.shape[2] != len(self.facts.channels):
                raise ValueError(f"has {image.shape[2]} channels; the model takes {len(self.facts.channels)}")
        resized = [resize_bands(image, (height, width)) for image in images]
        return np.ascontiguousarray(np.stack(resized).transpose(0, 3, 1, 2), dtype=np.float32)

    def run(self, prepared: npt.NDArray[np.float32]) -> Answers:
        """Run the model on what `prepare` gives."""
        return Answers(*self._session.run([OUTPUTS, EMBEDDING], {IMAGES: prepared}))
