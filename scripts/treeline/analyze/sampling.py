"""Which images, and which of their pixels, stand for all of them.

They are chosen by their numbers and not by their order, so that any division of the work chooses the same.
"""

from __future__ import annotations

import numpy as np

from treeline.io.sampling import Numbers, scramble

PIXELS = 2**17
"""Pixels of all images together that are kept."""

PIXEL_VALUES = 2**23
"""Values that are kept of them: where channels are many, fewer pixels are."""

DETAILED = 256
"""Images that are looked at for texture, thumbnails and what else takes long."""

_PIXEL_STREAM = 2**40
"""More than any image has pixels: the numbers that are scrambled for two images are different ones."""


def pixels_an_image(images: int, channels: int) -> int:
    """Pixels to keep of each image that is chosen; 1 where there are more images than pixels."""
    return max(1, most_pixels(channels) // max(1, images))


def most_pixels(channels: int) -> int:
    """Pixels of all images together that are kept, and the most images of which any are."""
    return max(1, min(PIXELS, PIXEL_VALUES // channels))


def choose_pixels(image: int, pixels: int, most: int) -> Numbers:
    """Choose pixels all over an image: one at random out of each of `most` equal parts; or all of them.

    Args:
        image: Its id.
        pixels: How many it has.
        most: How many to choose.

    Returns:
        Places in the order of rows, ascending.
    """
    if pixels <= most:
        return np.arange(pixels)
    parts = np.arange(most)
    chance = scramble(image * _PIXEL_STREAM + parts) / 2.0**64
    return np.minimum((parts + chance) * (pixels / most), pixels - 1).astype(np.int64)
