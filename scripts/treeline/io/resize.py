"""Reducing images: how small, and by which filter."""

from __future__ import annotations

import cv2
import numpy as np

from treeline.io.images import Header, Pixels, Size, decode, read_header

JPEG_REDUCTION_MARGIN = 4 / 3
"""A JPEG may be reduced while it is decoded as long as it stays this much larger than the target, on each side.

What each margin costs and loses: docs/benchmarks.md, Reduced while it is decoded.
"""

JPEG_REDUCTIONS = (8, 4, 2)
"""Divisors of a JPEG's sides: for these alone libjpeg-turbo has vector code, others take longer than they save."""

MOST_AT_ONCE = 4.0
BLUR_SIGMA = 0.25
"""Up to this ratio, a blur of this many pixels times the ratio takes the place of averaging areas."""

# Jobs run one to a core: OpenCV's own threads would only get in each other's way.
cv2.setNumThreads(1)


def fit(size: Size, longest_side: int | None) -> Size:
    """Height and width of an image once its longest side is at most `longest_side` pixels; never larger than it is.

    The shorter side is rounded down, as in the downloader that Treeline replaces, but not below one pixel.
    """
    height, width = size
    if longest_side is None or max(size) <= longest_side:
        return size
    if height >= width:
        return longest_side, max(1, int(width * longest_side / height))
    return max(1, int(height * longest_side / width)), longest_side


def enough_for(size: Size, target: Size, margin: float = JPEG_REDUCTION_MARGIN) -> Size:
    """Height and width that suffice as the source of a reduction from `size` to `target`."""
    for divisor in JPEG_REDUCTIONS:
        reduced = -(-size[0] // divisor), -(-size[1] // divisor)
        if all(side >= margin * wanted for side, wanted in zip(reduced, target, strict=True)):
            return reduced
    return size


def decode_reduced(data: bytes, longest_side: int, header: Header | None = None) -> Pixels:
    """Decode an encoded image, upright, to at most `longest_side` pixels; a JPEG partly while it is decoded.

    Raises:
        ImageError: It cannot be decoded.
    """
    header = header or read_header(data)
    enough = enough_for(header.size, fit(header.size, longest_side))
    return reduce(decode(data, at_least=enough, header=header), fit(header.upright_size, longest_side))


def reduce(pixels: Pixels, target: Size) -> Pixels:
    """Reduce to height x width `target`, each pixel from all that it covers."""
    if pixels.shape[:2] == target:
        return pixels
    while _ratio(pixels, target) > MOST_AT_ONCE:
        # Averaging areas of two by two whole pixels takes a tenth of the time of any other size.
        half = max(1, pixels.shape[1] // 2), max(1, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # As close to Lanczos as area averaging is, give or take 1.2 dB, at half its time. INTER_LINEAR on bytes is
    # fixed-point arithmetic: the same result on every processor, and faster than INTER_LINEAR_EXACT.
    blurred = cv2.GaussianBlur(pixels, (3, 3), BLUR_SIGMA * _ratio(pixels, target))
    reduced = cv2.resize(blurred, target[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(reduced, dtype=np.uint8)


def _ratio(pixels: Pixels, target: Size) -> float:
    return float(max(pixels.shape[0] / target[0], pixels.shape[1] / target[1]))
