"""Models whose embeddings are known, made without torch, and archives of small images, for what embeds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, save
from PIL import Image

from tests.shards import encode
from treeline.io.tar import tar_writer
from treeline.models.experiment import Task
from treeline.models.facts import ModelFacts
from treeline.models.inference import EMBEDDING, IMAGES, OUTPUTS, TREELINE

CLASSES = ["bear", "fox", "hare"]
SIDE = 16
OPERATORS = helper.make_opsetid("", 18)


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


def write_mean_model(file: Path, facts: ModelFacts | None = None, factor: float = 1 / 255) -> Path:
    """Write a model whose embedding is each channel's mean by a factor; as an output, it is each class's logit."""
    facts = facts or make_facts()
    channels = len(facts.channels)
    nodes = [
        helper.make_node("ReduceMean", [IMAGES, "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "factor"], [EMBEDDING]),
        helper.make_node("Identity", [EMBEDDING], [OUTPUTS]),
    ]
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("factor", TensorProto.FLOAT, [], [factor]),
    ]
    images = helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, ["batch", channels, *facts.image_size])
    answers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels]) for name in (OUTPUTS, EMBEDDING)
    ]
    graph = helper.make_graph(nodes, "means", [images], answers, constants)
    model = helper.make_model(graph, opset_imports=[OPERATORS], ir_version=10)
    helper.set_model_props(model, {TREELINE: facts.to_json()})
    save(model, file)
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
