"""YOLOv5 without what only training needs: a detector is there after 4 seconds of a core instead of 7, in every job.

torchvision imports PyTorch's compiler to ask it one question, and YOLOv5 imports seaborn, and with it all of
`scipy.stats`, to draw what it has learned. Nothing here is compiled or drawn.
"""

from __future__ import annotations

import sys
from types import ModuleType


def import_yolov5() -> None:
    """Import torchvision and YOLOv5 while stand-ins hold the places of modules that they name and do not use here."""
    import torch  # noqa: F401  # the real one first: it must not meet a stand-in

    compiler = ModuleType("torch._dynamo.utils")
    compiler.is_compile_supported = lambda device: False  # type: ignore[attr-defined]
    stand_ins = (ModuleType("seaborn"), ModuleType("torch._dynamo"), compiler)
    placed = {module.__name__: module for module in stand_ins if module.__name__ not in sys.modules}
    sys.modules.update(placed)
    try:
        import torchvision  # noqa: F401
        import yolov5.detect  # noqa: F401
    finally:
        for name in placed:
            del sys.modules[name]
