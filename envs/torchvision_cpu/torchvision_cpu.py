"""Non-maximum suppression for a torchvision whose C++ operators do not load.

A registry's torchvision wheel is built against CUDA; beside a CPU build of torch its operators are missing, and
`import torchvision` itself fails with "operator torchvision::nms does not exist". The `.pth` file next to this module
imports it when Python starts, so that the cure also reaches worker processes and other packages' commands.

Starting costs nothing: the finder below waits for somebody to import torchvision, and only then looks whether its
operators loaded. Where they did, nothing is changed. Where not, `nms` is registered in numpy, which gives the same
indices; every other operator stays absent.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_library: Any = None
"""The registration; torch drops the operators when it is collected."""


class _OperatorsFinder:
    """Finds `torchvision.extension`, the module that loads the C++ operators, and completes it."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "torchvision.extension":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_complete(module: ModuleType) -> None:
            execute(module)
            if not module._has_ops():
                _register_operators()
                # ops.nms() asks only this. _has_ops() stays false: the operators it speaks for are still absent.
                module._assert_has_ops = lambda: None  # type: ignore[attr-defined]

        spec.loader.exec_module = execute_and_complete  # type: ignore[method-assign]
        return spec


def _register_operators() -> None:
    """Define the two operators that torchvision names on import, and implement the one that detectors use."""
    global _library
    if _library is not None:
        return
    import torch

    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        _library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _library.impl("nms", _nms, "CPU")


def _nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return the indices of the boxes that no better box overlaps by more than `iou_threshold`, best first.

    Args:
        boxes: Floats, n x 4: left, top, right, bottom.
        scores: Floats, n. Equal scores keep their order.
        iou_threshold: Intersection over union, 0 to 1.
    """
    import numpy as np
    import torch

    if boxes.shape[0] == 0:
        return torch.empty(0, dtype=torch.long)
    order = torch.sort(scores, stable=True, dim=0, descending=True)[1]
    left, top, right, bottom = boxes[order].detach().float().numpy().T.copy()
    area = (right - left) * (bottom - top)
    kept, rest = [], np.arange(len(order))
    # Single precision throughout, and 0 / 0 for boxes without area: as the C++ operator computes.
    zero = np.float32(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        while rest.size:
            best, rest = rest[0], rest[1:]
            kept.append(best)
            width = np.maximum(np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest]), zero)
            height = np.maximum(np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest]), zero)
            intersection = width * height
            union = area[best] + area[rest] - intersection
            rest = rest[~(intersection / union > iou_threshold)]
    return order[torch.from_numpy(np.asarray(kept))]


sys.meta_path.insert(0, _OperatorsFinder)
