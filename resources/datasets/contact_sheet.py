"""Draw docs/datasets-augmentations.png: what each augmentation does to a picture, and to its boxes.

python -m resources.datasets.contact_sheet docs/datasets-augmentations.png
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from resources.detector.scenes import SceneObject, scene
from treeline.datasets.augmentations import Augmentations
from treeline.datasets.augmentations.geometric import Geometric
from treeline.datasets.augmentations.listed import KINDS
from treeline.datasets.augmentations.mixing import Mixing
from treeline.io.atomic import write_bytes

WIDTH, HEIGHT, COLUMNS = 144, 108, 5
LABEL, GAP = 18, 6
COLOURS = 256
SCENES = (247, 225)
SEED = 9
OUTLINE = (255, 255, 255)
STRONGER: dict[str, dict[str, Any]] = {
    "affine": {"degrees": [20, 20], "translate": [0.1, 0.1]},
    "brightness": {"factor": [1.4, 1.4]},
    "colour_jitter": {"brightness": [0.8, 0.8], "contrast": [1.4, 1.4], "saturation": [2, 2], "hue": [0.1, 0.1]},
    "contrast": {"factor": [1.6, 1.6]},
    "crop_resize": {"size": [HEIGHT, WIDTH], "area": [0.4, 0.4]},
    "gamma": {"gamma": [1.8, 1.8]},
    "gaussian_blur": {"sigma": [1.8, 1.8]},
    "gaussian_noise": {"std": [0.1, 0.1]},
    "mixup": {"alpha": 50},
    "hue": {"turn": [0.25, 0.25]},
    "posterize": {"bits": [2, 2]},
    "quarter_turns": {"turns": [2]},
    "saturation": {"factor": [2.5, 2.5]},
    "solarize": {"threshold": [0.5, 0.5]},
}
"""Options other than the defaults, to be seen in a small picture."""


class Cell(NamedTuple):
    """A picture of the sheet."""

    name: str
    image: torch.Tensor
    boxes: torch.Tensor


def draw_sheet(target: Path) -> None:
    """Draw the sheet."""
    cells = list(_cells())
    rows = -(-len(cells) // COLUMNS)
    size = COLUMNS * (WIDTH + GAP) + GAP, rows * (HEIGHT + LABEL + GAP) + GAP
    sheet = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, cell in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        left, top = GAP + column * (WIDTH + GAP), GAP + row * (HEIGHT + LABEL + GAP)
        draw.text((left, top), cell.name, fill="black", font=font)
        sheet.paste(_picture(cell), (left, top + LABEL))
    stream = io.BytesIO()
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, format="PNG", optimize=True)
    write_bytes(target, stream.getvalue())


def _cells() -> Iterator[Cell]:
    (image, boxes), (other, _) = map(_scene, SCENES)
    yield Cell("as it is", image, boxes)
    for name, kind in KINDS.items():
        if name in ("to_float", "normalise"):
            continue
        entry = kind.model_validate({"probability": 1, **STRONGER.get(name, {})})
        chosen, generator = Augmentations([entry]), np.random.default_rng(SEED)
        if isinstance(entry, Mixing):
            batch = {"image": torch.stack([image, other]), "target": torch.tensor([0, 1])}
            yield Cell(name, chosen.mix(batch, 2, generator)["image"][0], boxes[:0])
        else:
            target = {"boxes": boxes, "labels": torch.arange(len(boxes))}
            made = chosen({"image": image, "target": target, "id": 0}, generator)
            yield Cell(name, made["image"], made["target"]["boxes"] if isinstance(entry, Geometric) else boxes[:0])


def _scene(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, objects = scene(np.random.default_rng(seed), WIDTH, HEIGHT, empty_share=0)
    return torch.from_numpy(pixels).permute(2, 0, 1), torch.tensor([_corners(found) for found in objects])


def _corners(found: SceneObject) -> tuple[float, float, float, float]:
    return found.left, found.top, found.right, found.bottom


def _picture(cell: Cell) -> Image.Image:
    picture = Image.fromarray(cell.image.permute(1, 2, 0).contiguous().numpy())
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in cell.boxes.tolist():
        draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=OUTLINE)
    return picture


if __name__ == "__main__":
    draw_sheet(Path(sys.argv[1]))
