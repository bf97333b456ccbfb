"""The images that the benchmarks download.

Photo-like JPEGs in three sizes, the same in every run: noise whose power falls with its frequency, as in photographs,
with hard edges and a sensor's grain. Some hundred files stand behind any number of URLs: enough that no compression
finds an image twice, few enough to be made in half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

CANVASES = 4
MARGIN = 0.25
EDGES = 25
GRAIN = 5.0  # standard deviation, of 255
JPEG_QUALITY = 90


class SizeClass(NamedTuple):
    """Images of one size: width and height in pixels, and number of files."""

    name: str
    width: int
    height: int
    files: int


SIZE_CLASSES = (
    SizeClass("small", 500, 375, 200),  # about 50 KB
    SizeClass("medium", 1400, 1050, 140),  # about 300 KB
    SizeClass("large", 3200, 2400, 60),  # about 1.5 MB
)


def make_corpus(folder: Path, size_classes: Sequence[SizeClass] = SIZE_CLASSES) -> None:
    """Write the images of these classes, unless they are there."""
    if folder.exists():
        return
    unfinished = folder.with_suffix(".part")
    unfinished.mkdir(parents=True, exist_ok=True)
    for size_class in size_classes:
        for number, pixels in enumerate(_photos(size_class)):
            jpeg = simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY, colorsubsampling="420")
            (unfinished / _file_name(size_class, number)).write_bytes(jpeg)
    unfinished.rename(folder)


def make_urls(base: str, count: int, size_classes: Sequence[SizeClass] = SIZE_CLASSES) -> list[str]:
    """List `count` distinct URLs, the sizes well mixed; a query string that means nothing tells a file's URLs apart.

    Args:
        base: Of the server, without a slash at the end.
        count: Number of URLs.
        size_classes: Those to take files of.
    """
    files = [_file_name(size_class, number) for size_class in size_classes for number in range(size_class.files)]
    order = np.random.default_rng(0).permutation(len(files))
    return [f"{base}/{files[order[number % len(files)]]}?image={number}" for number in range(count)]


def file_of(url: str) -> str:
    """Name of the corpus file that a URL leads to."""
    return urlsplit(url).path.removeprefix("/")


def class_of(url: str) -> str:
    """Name of the size class that a URL leads to."""
    return file_of(url).partition("-")[0]


def _file_name(size_class: SizeClass, number: int) -> str:
    return f"{size_class.name}-{number:02d}.jpg"


def _photos(size_class: SizeClass) -> Iterator[npt.NDArray[np.uint8]]:
    """Cut a class's images out of a few canvases that are a little larger."""
    rng = np.random.default_rng(size_class.width)
    width, height = size_class.width, size_class.height
    for number in range(size_class.files):
        if number % (size_class.files // CANVASES) == 0:
            canvas = _paint(rng, int(width * (1 + MARGIN)), int(height * (1 + MARGIN)))
        top, left = rng.integers(canvas.shape[0] - height), rng.integers(canvas.shape[1] - width)
        yield np.ascontiguousarray(canvas[top : top + height, left : left + width])


def _paint(rng: np.random.Generator, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Paint height x width x 3 pixels that compress, and reduce, about as a photograph does."""
    image = np.full((height, width, 3), 128, np.float32)
    cells, amplitude = 4, 60.0
    while cells < width / 1.5:
        noise = rng.normal(0, 1, (max(2, cells * height // width), cells, 3)).astype(np.float32)
        mostly_grey = noise * 0.4 + noise.mean(axis=2, keepdims=True) * 0.8
        image += amplitude * cv2.resize(mostly_grey, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, amplitude = int(cells * 1.9), amplitude * 0.62
    for _ in range(EDGES):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        axes = (int(rng.uniform(0.01, 0.12) * width), int(rng.uniform(0.01, 0.12) * width))
        colour = rng.uniform(0, 255, 3).tolist()
        cv2.ellipse(image, centre, axes, rng.uniform(0, 180), 0, 360, colour, thickness=-1)
    grainy = cv2.GaussianBlur(image, (0, 0), 0.7) + rng.normal(0, GRAIN, image.shape)
    return np.clip(grainy, 0, 255).astype(np.uint8)
