"""Write a model into an ONNX file, which `treeline.models.inference` runs without torch.

TorchScript, which did this once, is deprecated in torch 2.13 and writes no file that a program without torch can read.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from treeline.io.atomic import write_bytes
from treeline.models.facts import ModelFacts
from treeline.models.inference import EMBEDDING, IMAGES, OUTPUTS, TREELINE

IMAGES_OF_EXAMPLE = 2
"""With one image, torch would take its number for fixed."""


def export_onnx(model: nn.Module, facts: ModelFacts, target: Path) -> None:
    """Write a model as one ONNX file, as a whole or not at all; the same bytes for the same model.

    The number of images is free; their height and width are those of the facts, which stand in the file's metadata.

    Args:
        model: Takes N x channels x height x width, gives outputs and embeddings; in evaluation mode, on the CPU.
        facts: What it takes and gives.
        target: The file.
    """
    example = torch.zeros(IMAGES_OF_EXAMPLE, len(facts.channels), *facts.image_size)
    with _quiet():
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=[IMAGES],
            output_names=[OUTPUTS, EMBEDDING],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    assert program is not None  # it is None only of an export that writes its file itself
    write_bytes(target, _plain(program.model_proto, facts).SerializeToString(deterministic=True))


def _plain(content: Any, facts: ModelFacts) -> Any:
    """Take out what says where and how the file was made, and add the facts."""
    for node in content.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for function in content.functions:
        for node in function.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
    for values in (content.graph.value_info, content.graph.input, content.graph.output, content.graph.initializer):
        for value in values:
            value.ClearField("metadata_props")
            value.ClearField("doc_string")
    content.graph.ClearField("metadata_props")
    content.ClearField("metadata_props")
    content.metadata_props.add(key=TREELINE, value=facts.to_json())
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter tells its makers to itself; an error comes through."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
