"""Models with random weights, in torch and exported."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.embedding_cases import make_facts
from treeline.models.architecture.model import Model
from treeline.models.experiment import Architecture
from treeline.models.facts import ModelFacts
from treeline.models.onnx_file import export_onnx


def make_model(facts: ModelFacts, seed: int = 0) -> Model:
    torch.manual_seed(seed)
    return Model(Architecture(encoder="convnet"), facts).eval()


def write_model(file: Path, seed: int = 0) -> Path:
    facts = make_facts()
    export_onnx(make_model(facts, seed), facts, file)
    return file
