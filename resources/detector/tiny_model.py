"""The tiny detector's network, its loss, and its checkpoint in the format of MegaDetector v5.

A MegaDetector v5 checkpoint is a zip file made by `torch.save`: a pickled dictionary whose `model` is a
`models.yolo.Model`, with a `megadetector_info.json` beside the pickle that says at which size images are fed.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import zipfile
from collections.abc import Callable
from typing import Any

import torch
import yolov5  # noqa: F401  puts its own folder on sys.path: `models` and `utils` are then what the pickles name
from models import common, yolo
from scenes import CATEGORIES
from torch import Tensor, nn
from utils import loss

IMAGE_SIZE = 320
"""Pixels of the longer side, as fed to the network."""

_WIDTH, _DEPTH = 0.125, 0.33
"""Shares of the channels and of the block repetitions below."""

_ANCHORS = [
    [10, 13, 16, 30, 33, 23],
    [30, 61, 62, 45, 59, 119],
    [116, 90, 156, 198, 373, 326],
]

# Layers of YOLOv5 6.0 with strides 8, 16 and 32, as MegaDetector v5 has them: from, repetitions, block, arguments.
_BACKBONE = [
    [-1, 1, "Conv", [64, 6, 2, 2]],
    [-1, 1, "Conv", [128, 3, 2]],
    [-1, 3, "C3", [128]],
    [-1, 1, "Conv", [256, 3, 2]],
    [-1, 6, "C3", [256]],
    [-1, 1, "Conv", [512, 3, 2]],
    [-1, 9, "C3", [512]],
    [-1, 1, "Conv", [1024, 3, 2]],
    [-1, 3, "C3", [1024]],
    [-1, 1, "SPPF", [1024, 5]],
]
_HEAD = [
    [-1, 1, "Conv", [512, 1, 1]],
    [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
    [[-1, 6], 1, "Concat", [1]],
    [-1, 3, "C3", [512, False]],
    [-1, 1, "Conv", [256, 1, 1]],
    [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
    [[-1, 4], 1, "Concat", [1]],
    [-1, 3, "C3", [256, False]],
    [-1, 1, "Conv", [256, 3, 2]],
    [[-1, 14], 1, "Concat", [1]],
    [-1, 3, "C3", [512, False]],
    [-1, 1, "Conv", [512, 3, 2]],
    [[-1, 10], 1, "Concat", [1]],
    [-1, 3, "C3", [1024, False]],
    [[17, 20, 23], 1, "Detect", ["nc", "anchors"]],
]

_LOSS_PARAMETERS = {
    "box": 0.05,
    "cls": 0.15,
    "obj": 0.25,
    "cls_pw": 1.0,
    "obj_pw": 1.0,
    "anchor_t": 4.0,
    "fl_gamma": 0.0,
}
"""Weights of the three losses for three classes at 320 pixels; the others are YOLOv5's defaults."""

_CHECKPOINT_INFO = {
    "metadata_format_version": 1.0,
    "model_version_string": "v0.0.0-tiny-synthetic",
    "model_type": "yolov5",
    "image_size": IMAGE_SIZE,
    "classes": {str(number): name for number, name in enumerate(CATEGORIES, start=1)},
}


def tiny_model() -> nn.Module:
    """Build the network with random weights, drawn from torch's generator."""
    logging.disable(logging.INFO)  # YOLOv5 prints the table of layers, twice
    layout = {
        "nc": len(CATEGORIES),
        "depth_multiple": _DEPTH,
        "width_multiple": _WIDTH,
        "anchors": _ANCHORS,
        "backbone": _BACKBONE,
        "head": _HEAD,
    }
    model: nn.Module = yolo.Model(layout, ch=3, nc=len(CATEGORIES))
    model.names = list(CATEGORIES)  # type: ignore[assignment]
    model.nc = len(CATEGORIES)  # type: ignore[assignment]
    model.hyp = dict(_LOSS_PARAMETERS)  # type: ignore[assignment]
    return model


def detection_loss(model: nn.Module) -> Callable[[list[Tensor], Tensor], tuple[Tensor, Tensor]]:
    """Return YOLOv5's loss for `model`: (predictions, targets) to the sum, and its box, object and class parts.

    The package's class limits integer indices by floats, which torch has refused since 1.13. Its source is compiled
    again with the two limits as integers, so that none of it has to be copied here.
    """
    source = inspect.getsource(loss.ComputeLoss)
    for limit in ("gain[3]", "gain[2]"):
        source = source.replace(f"{limit} - 1", f"int({limit}) - 1")
    namespace = dict(vars(loss))
    exec(compile(source, loss.__file__, "exec"), namespace)
    compute: Callable[[list[Tensor], Tensor], tuple[Tensor, Tensor]] = namespace["ComputeLoss"](model)
    return compute


def checkpoint_bytes(model: nn.Module) -> bytes:
    """Serialize a trained model; the same weights give the same bytes.

    The model is halved to 16-bit floats in place, as YOLOv5 leaves a finished training.
    """
    _strip(model)
    training_state = ("best_fitness", "ema", "updates", "optimizer", "wandb_id", "date")
    checkpoint: dict[str, Any] = {"epoch": -1, "model": model.half(), **dict.fromkeys(training_state)}
    archive = io.BytesIO()
    torch.save(checkpoint, archive)
    with zipfile.ZipFile(archive, "a") as members:
        # torch accepts members only in the one folder that it made.
        folder = members.namelist()[0].split("/")[0]
        info = zipfile.ZipInfo(f"{folder}/megadetector_info.json", date_time=(1980, 1, 1, 0, 0, 0))
        members.writestr(info, json.dumps(_CHECKPOINT_INFO, indent=1))
    return archive.getvalue()


def _strip(model: nn.Module) -> None:
    """Leave nothing in the model that detection does not need, and only classes that real checkpoints name."""
    for module in model.modules():
        kind = type(module)
        if kind.__module__ == "yolov5.models.common":  # the package imports itself under two names
            module.__class__ = getattr(common, kind.__name__)
        if isinstance(module, yolo.Detect):
            module.grid = [torch.zeros(1)] * module.nl
            module.anchor_grid = [torch.zeros(1)] * module.nl
    model.requires_grad_(requires_grad=False)
