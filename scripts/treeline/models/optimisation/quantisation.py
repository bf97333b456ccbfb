"""Int8: ONNX files whose weights, and what is computed with them, are bytes; by onnxruntime's own tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from treeline.io.scratch import scratch_folder
from treeline.models.inference import IMAGES, OUTPUTS
from treeline.models.optimisation.latency import Images


def quantise_dynamically(exported: Path, target: Path) -> None:
    """Write weights as bytes; the scale of what is computed is found anew for each batch.

    Args:
        exported: A model that Treeline has exported.
        target: ONNX file, with the same facts.
    """
    with _prepared(exported, target) as prepared:
        # onnxruntime's integer convolution takes weights without a sign only.
        quantize_dynamic(prepared, target, weight_type=QuantType.QUInt8)


def quantise_statically(exported: Path, target: Path, calibration: Iterator[Images]) -> None:
    """Write weights as bytes, a scale a channel; the scales of what is computed are found here, once.

    What gives the outputs stays as it is: it is small, and bytes would round the outputs, and cut off those that are
    beyond what calibration has seen.

    Args:
        exported: A model that Treeline has exported.
        target: ONNX file, with the same facts.
        calibration: Batches of images by which scales are chosen: from the lowest value to the highest.
    """
    with _prepared(exported, target) as prepared:
        last = [node.name for node in onnx.load(prepared).graph.node if OUTPUTS in node.output]
        quantize_static(prepared, target, _Reader(calibration), per_channel=True, nodes_to_exclude=last)


@contextmanager
def _prepared(exported: Path, target: Path) -> Iterator[Path]:
    """The model with its shapes known and its normalisations folded into the convolutions."""
    with _quiet(), scratch_folder(target.parent, target.name) as scratch:
        prepared = scratch / exported.name
        quant_pre_process(exported, prepared)
        yield prepared


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Iterator[Images]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, Images] | None:
        return next(({IMAGES: batch} for batch in self._batches), None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the tools tell their makers, in the name of the whole program, out of the log."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)
