"""Archives of drawn scenes, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from resources.detector.scenes import SceneObject, scene
from tests.shards import encode, exif
from treeline.io.tar import tar_writer

CHECKPOINT = Path(__file__).parents[1] / "resources" / "detector" / "tiny_detector.pt"
SIZES = [(640, 480), (320, 240), (500, 500)]
"""Width and height; the detector sees each as a batch of its own."""
TIME = "2024:05:06 07:08:09"


@dataclass(frozen=True)
class Scene:
    """An encoded scene and its objects' boxes in pixels."""

    name: str
    data: bytes
    width: int
    height: int
    objects: list[SceneObject]


def draw_scenes(count: int, seed: int = 5) -> list[Scene]:
    rng = np.random.default_rng(seed)
    scenes = []
    for number in range(count):
        width, height = SIZES[number % len(SIZES)]
        pixels, objects = scene(rng, width, height)
        data = encode(Image.fromarray(pixels), "JPEG", quality=90, exif=exif(taken=TIME))
        scenes.append(Scene(f"scene-{number}.jpg", data, width, height, objects))
    return scenes


def write_archive(archive: Path, scenes: list[Scene], **more: bytes) -> Path:
    """Write scenes, and more images by their names with `_` for the dot."""
    with tar_writer(archive) as tar:
        for drawn in scenes:
            tar.add(drawn.name, drawn.data)
            tar.add(drawn.name.replace(".jpg", ".json"), b"{}")
        for name, data in more.items():
            tar.add(name.replace("_", "."), data)
    return archive
