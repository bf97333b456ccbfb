"""Make each form of a model: something that runs, and its file."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from treeline.models.architecture.model import Model
from treeline.models.inference import OnnxModel
from treeline.models.onnx_file import export_onnx
from treeline.models.optimisation.cutting import cut_channels
from treeline.models.optimisation.fine_tuning import fine_tune
from treeline.models.optimisation.latency import BATCHES, Images, Outputs, Run, one_thread
from treeline.models.optimisation.names import EAGER, EXPORTED, FormName
from treeline.models.optimisation.pruning import count_parameters, keep_zeros, mask_weights
from treeline.models.optimisation.quantisation import quantise_dynamically, quantise_statically
from treeline.models.optimisation.samples import CALIBRATION_IMAGES, spread_images
from treeline.models.trained import MODEL, TREELINE, WEIGHTS, Trained, describe_model
from treeline.models.training.data import TrainingData
from treeline.models.training.module import DivergedError

Runtime = Literal["torch", "onnxruntime"]


class NotAvailableError(Exception):
    """A form that cannot be made here; its text is the reason."""


@dataclass(frozen=True)
class Form:
    """A form of a model.

    Args:
        runtime: What runs it.
        file: ONNX file, or weights that `load_trained` reads.
        run: Runs it with one thread.
        parameters: Of the model before it was exported or quantised.
        nonzero_parameters: Those of them that are not 0.
        run_before: Runs what it was before fine-tuning, where it was fine-tuned.
    """

    runtime: Runtime
    file: Path
    run: Run
    parameters: int
    nonzero_parameters: int
    run_before: Run | None = None


class Workshop:
    """What forms are made from.

    Args:
        trained: The model.
        data: What it was trained on: `train` is for fine-tuning, `val` for calibration.
        folder: Where files are put.
    """

    def __init__(self, trained: Trained, data: TrainingData, folder: Path) -> None:
        self.trained, self.data, self.folder = trained, data, folder

    def make(self, name: FormName) -> Form:
        """Make a form.

        Raises:
            NotAvailableError: It cannot be made of this model, or on this machine.
            InputError: A sample cannot be read; names it.
        """
        return _MAKERS[name](self, name)

    @cached_property
    def exported(self) -> Path:
        """The ONNX file of the model as it is."""
        return self.export(self.trained.model, EXPORTED)

    @cached_property
    def weights(self) -> Path:
        """The weights of the model as it is."""
        return self.save(self.trained.model, EAGER)

    def export(self, model: nn.Module, name: str) -> Path:
        """Write a model as ONNX."""
        file = self.folder / f"{name}.onnx"
        export_onnx(model, self.trained.facts, file)
        return file

    def save(self, model: nn.Module, name: str) -> Path:
        """Write a model's weights, and nothing of its training."""
        file = self.folder / f"{name}.pt"
        weights = {MODEL + key: value for key, value in model.state_dict().items()}
        torch.save({TREELINE: describe_model(self.trained.experiment, self.trained.facts), WEIGHTS: weights}, file)
        return file


def _make_eager(workshop: Workshop, name: FormName) -> Form:
    model = workshop.trained.model
    return Form("torch", workshop.weights, _in_torch(model), *count_parameters(model))


def _make_compiled(workshop: Workshop, name: FormName) -> Form:
    model = workshop.trained.model
    run = _in_torch(torch.compile(model))
    example = np.zeros((max(BATCHES), len(workshop.trained.facts.channels), *workshop.trained.facts.image_size))
    try:
        with one_thread():
            for batch in BATCHES:
                run(example[:batch].astype(np.float32))
    except (RuntimeError, OSError) as error:
        raise NotAvailableError(f"torch.compile: {_first_line(error)}") from None
    return Form("torch", workshop.weights, run, *count_parameters(model))


def _make_half(workshop: Workshop, name: FormName, dtype: torch.dtype) -> Form:
    model = copy.deepcopy(workshop.trained.model)
    for part in (model.encoder, model.decoder):
        part.to(dtype)
    return Form("torch", workshop.save(model, name), _in_half(model, dtype), *count_parameters(model))


def _make_exported(workshop: Workshop, name: FormName) -> Form:
    return _of_file(workshop.exported, workshop.trained.model)


def _make_pruned(workshop: Workshop, name: FormName, amount: float) -> Form:
    model = copy.deepcopy(workshop.trained.model)
    mask_weights(model, amount)
    keep_zeros(model)
    run_before = _in_torch(copy.deepcopy(model))
    mask_weights(model, amount)
    _fine_tune(model, workshop)
    keep_zeros(model)
    return _of_file(workshop.export(model, name), model, run_before)


def _make_cut(workshop: Workshop, name: FormName, share: float) -> Form:
    model = copy.deepcopy(workshop.trained.model)
    cut_channels(model.encoder, share)
    run_before = _in_torch(copy.deepcopy(model))
    _fine_tune(model, workshop)
    return _of_file(workshop.export(model, name), model, run_before)


def _make_dynamic(workshop: Workshop, name: FormName) -> Form:
    file = workshop.folder / f"{name}.onnx"
    quantise_dynamically(workshop.exported, file)
    return _of_file(file, workshop.trained.model)


def _make_static(workshop: Workshop, name: FormName) -> Form:
    file = workshop.folder / f"{name}.onnx"
    images = spread_images(workshop.data.val, CALIBRATION_IMAGES, max(BATCHES))
    quantise_statically(workshop.exported, file, images)
    return _of_file(file, workshop.trained.model)


_MAKERS: dict[FormName, Callable[[Workshop, FormName], Form]] = {
    "eager": _make_eager,
    "compiled": _make_compiled,
    "bfloat16": partial(_make_half, dtype=torch.bfloat16),
    "float16": partial(_make_half, dtype=torch.float16),
    "exported": _make_exported,
    "pruned-30": partial(_make_pruned, amount=0.3),
    "pruned-50": partial(_make_pruned, amount=0.5),
    "pruned-80": partial(_make_pruned, amount=0.8),
    "cut-25": partial(_make_cut, share=0.25),
    "cut-50": partial(_make_cut, share=0.5),
    "int8-dynamic": _make_dynamic,
    "int8-static": _make_static,
}


def _fine_tune(model: Model, workshop: Workshop) -> None:
    try:
        fine_tune(model, workshop.trained, workshop.data)
    except DivergedError as error:
        raise NotAvailableError(f"fine-tuning: {error}") from None


def _of_file(file: Path, model: nn.Module, run_before: Run | None = None) -> Form:
    session = OnnxModel(file)
    return Form("onnxruntime", file, lambda images: session.run(images).outputs, *count_parameters(model), run_before)


def _in_torch(model: Callable[[torch.Tensor], Any]) -> Run:
    @torch.inference_mode()
    def run(images: Images) -> Outputs:
        outputs: Outputs = model(torch.from_numpy(images))[0].numpy()
        return outputs

    return run


def _in_half(model: Model, dtype: torch.dtype) -> Run:
    """Run encoder and decoder in half precision; a raster's own values need the whole one, and are normalised in it."""

    @torch.inference_mode()
    def run(images: Images) -> Outputs:
        normalised = ((torch.from_numpy(images) - model.mean) / model.std).to(dtype)
        features = model.encoder.features(normalised)
        outputs: Outputs = model.decoder(features, normalised.shape[-2:]).float().numpy()
        return outputs

    return run


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
