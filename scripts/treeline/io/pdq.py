"""PDQ, the perceptual hash of 256 bits that survives resizing and compression.

After Facebook's "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (2019). The package
`pdqhash` has to be compiled where it is installed; its hashes are these, give or take a bit where a coefficient lies
next to the median (tests/unit/test_io_pdq.py).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from treeline.io.images import Pixels

HASH_BYTES = 32

_SIDE = 64
_FREQUENCIES = 16
_PASSES = 2
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GRADIENTS_FOR_FULL_QUALITY = 90
MOST_QUALITY = 100

_Plane = npt.NDArray[np.float32]


def pdq(pixels: Pixels) -> tuple[bytes, int]:
    """Hash an image.

    Args:
        pixels: Height x width x 3, RGB.

    Returns:
        The hash, 32 bytes, most significant first as in its usual hexadecimal form; and the quality, 0 to 100: how much
        there is in the image. Below 50, hashes say little.
    """
    small = _shrink(pixels @ _LUMA)
    frequencies = _cosines() @ small @ _cosines().T
    bits = (frequencies > np.median(frequencies)).ravel()
    return np.packbits(bits[::-1]).tobytes(), _quality(small)


def _shrink(luma: _Plane) -> _Plane:
    """Average over windows, twice in each direction, and take 64 x 64 places."""
    height, width = luma.shape
    window = _window(width), _window(height)
    # At the edges a window holds fewer pixels: each sum is divided by the number of those that there are.
    anchor = (window[0] - (window[0] + 2) // 2, window[1] - (window[1] + 2) // 2)
    counts = _sums(np.ones_like(luma), window, anchor)
    for _ in range(_PASSES):
        luma = _sums(luma, window, anchor) / counts
    rows, columns = (((np.arange(_SIDE) + 0.5) * side / _SIDE).astype(int) for side in (height, width))
    return np.asarray(luma[np.ix_(rows, columns)], np.float32)


def _window(side: int) -> int:
    return (side + 2 * _SIDE - 1) // (2 * _SIDE)


def _sums(plane: _Plane, window: tuple[int, int], anchor: tuple[int, int]) -> _Plane:
    summed = cv2.boxFilter(plane, cv2.CV_32F, window, anchor=anchor, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(summed, np.float32)


@cache
def _cosines() -> _Plane:
    """The rows 1 to 16 of the 64-point discrete cosine transform: 16 x 64."""
    frequency, place = np.mgrid[1 : _FREQUENCIES + 1, 0:_SIDE]
    cosines = np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * (2 * place + 1))
    return np.asarray(cosines, np.float32)


def _quality(small: _Plane) -> int:
    steps = (np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum() for axis in (0, 1))
    return min(MOST_QUALITY, int(sum(steps) / _GRADIENTS_FOR_FULL_QUALITY))
