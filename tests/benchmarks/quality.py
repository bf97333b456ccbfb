"""How close stored images come to the best reduction of what was served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.corpus import SIZE_CLASSES, class_of, file_of
from tests.benchmarks.downloaders import Images

IMAGES_PER_CLASS = 20

Quality = dict[str, float]
"""Mean PSNR in dB, by size class in the order small to large."""


def urls_to_judge(urls: Sequence[str]) -> set[str]:
    """The first few of each size class."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for url in urls:
        by_class[class_of(url)].append(url)
    return {url for members in by_class.values() for url in members[:IMAGES_PER_CLASS]}


def judge(images: Images, corpus: Path) -> Quality:
    """Compare stored images with a Lanczos reduction, by Pillow, of the whole original."""
    decibels: dict[str, list[float]] = defaultdict(list)
    for url, data in images.items():
        stored = Image.open(BytesIO(data)).convert("RGB")
        original = Image.open(corpus / file_of(url)).convert("RGB")
        ideal = original.resize(stored.size, Image.Resampling.LANCZOS)
        error = np.asarray(stored, np.float64) - np.asarray(ideal, np.float64)
        decibels[class_of(url)].append(10 * np.log10(255**2 / np.mean(error**2)))
    return {size.name: float(np.mean(decibels[size.name])) for size in SIZE_CLASSES if size.name in decibels}
