"""Exported models with random weights, and archives of small images, for what embeds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.shards import encode
from treeline.io.tar import tar_writer
from treeline.models.architecture.model import Model
from treeline.models.experiment import Architecture, Task
from treeline.models.facts import ModelFacts
from treeline.models.onnx_file import export_onnx

CLASSES = ["bear", "fox", "hare"]
SIDE = 16


def make_facts(task: Task = "multiclass", channels: int = 3) -> ModelFacts:
    return ModelFacts(
        run="tiny",
        dataset="shapes",
        dataset_hash="0" * 64,
        task=task,
        class_names=[] if task == "regression" else CLASSES,
        channels=[f"channel_{number}" for number in range(channels)],
        image_size=[SIDE, SIDE],
        mean=[128.0] * channels,
        std=[64.0] * channels,
    )


def make_model(facts: ModelFacts, seed: int = 0, encoder: str = "convnet") -> Model:
    torch.manual_seed(seed)
    return Model(Architecture.model_validate({"encoder": encoder}), facts).eval()


def write_model(file: Path, facts: ModelFacts | None = None, seed: int = 0) -> Path:
    facts = facts or make_facts()
    export_onnx(make_model(facts, seed), facts, file)
    return file


def picture_bytes(seed: int, height: int = 20, width: int = 24) -> bytes:
    """A PNG of one colour with a brighter half: each seed's is another."""
    pixels = np.full((height, width, 3), np.random.default_rng(seed).integers(0, 128, 3), np.uint8)
    pixels[: height // 2] += 64
    return encode(Image.fromarray(pixels), "PNG")


def write_shard_archive(file: Path, images: Mapping[str, bytes]) -> Path:
    """Write an archive as the stage decode does: `<uuid>.png` and `<uuid>.json` an image."""
    with tar_writer(file) as tar:
        for uuid, data in images.items():
            tar.add(f"{uuid}.png", data)
            tar.add(f"{uuid}.json", json.dumps({"uuid": uuid}).encode())
    return file
