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
EXPORTERS = ("torch.onnx", "onnx_ir", "onnxscript")
"""Names of the loggers of those who take part."""


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
    _describe(program.model, facts)
    write_bytes(target, program.model_proto.SerializeToString(deterministic=True))


def _describe(model: Any, facts: ModelFacts) -> None:
    """Put the facts in, and take out where the code lay that the model was made by."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
    model.metadata_props.clear()
    model.metadata_props[TREELINE] = facts.to_json()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter tells its makers to itself; an error comes through."""
    loggers = [logging.getLogger(name) for name in EXPORTERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
