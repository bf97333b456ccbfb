"""Draw the images of a preview: some of each category and confidence.

An image's place in the draw is a hash of its name, so that the same images are drawn wherever and whenever, and images
that are added later push out only as many as are drawn of them.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from heapq import heappush, heappushpop
from typing import NamedTuple

from treeline.detections.preview.parts import Part
from treeline.io.results import ImageResult, Results

BANDS = 4
"""Bands of equal width that the confidences from the threshold to 1 are divided into."""

DRAW_BYTES = 8


class Stratum(NamedTuple):
    """Images that some are drawn of.

    Args:
        category: Name of a category; empty for images without one.
        band: 0 just below the threshold, that is from half of it; 1 to `BANDS` above.
    """

    category: str
    band: int


EMPTY = Stratum("", 0)
FAILED = Stratum("", -1)


class Candidate(NamedTuple):
    """An image that may be drawn.

    Args:
        draw: Hash of seed and name, in hexadecimal: the lowest are drawn.
        part: Where it is from.
        image: Its entry.
        results: The content of the file of the entry; its images may be gone.
    """

    draw: str
    part: Part
    image: ImageResult
    results: Results


def draw_of(seed: int, address: str) -> str:
    """Hash of an image's name: 16 digits that no two images of a collection share, for all practical purposes."""
    return hashlib.blake2b(f"{seed}\0{address}".encode(), digest_size=DRAW_BYTES).hexdigest()


def highest_by_category(image: ImageResult, names: dict[str, str]) -> dict[str, float]:
    """The highest confidence of each category, by name; detections that are struck out (below 0) do not count."""
    highest: dict[str, float] = {}
    for detection in image.get("detections") or ():
        name, confidence = names[detection["category"]], detection["conf"]
        if confidence >= max(0, highest.get(name, 0)):
            highest[name] = confidence
    return highest


def strata_of(image: ImageResult, highest: dict[str, float], threshold: float) -> list[Stratum]:
    """The strata of an image: one for each category that reaches half the threshold, or one for having none.

    Args:
        image: Its entry.
        highest: Of `highest_by_category`.
        threshold: Confidence from which a detection counts, between 0 and 1.
    """
    if image.get("detections") is None:
        return [FAILED]
    edges = [threshold + (1 - threshold) * band / BANDS for band in range(BANDS)]
    found = [
        Stratum(name, bisect_right(edges, confidence))
        for name, confidence in highest.items()
        if confidence >= threshold / 2
    ]
    return found or [EMPTY]


class Sample:
    """Keeps the first images of each stratum in the order of the draw, of all that it is shown, in any order.

    Args:
        most: Images that are kept of each stratum.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        # Heaps with the last of the draw on top: the next to go.
        self._kept: dict[Stratum, list[tuple[int, Candidate]]] = defaultdict(list)

    def offer(self, candidate: Candidate, strata: Iterable[Stratum]) -> None:
        """Show it an image; it is kept until enough come before it."""
        entry = (-int(candidate.draw, 16), candidate)
        for stratum in strata:
            kept = self._kept[stratum]
            if len(kept) < self._most:
                heappush(kept, entry)
            elif entry[0] > kept[0][0]:
                heappushpop(kept, entry)

    def chosen(self) -> list[Candidate]:
        """The images, each once, by part and file."""
        found = {candidate.draw: candidate for kept in self._kept.values() for _, candidate in kept}
        return sorted(found.values(), key=lambda candidate: (candidate.part.name, candidate.image["file"]))
