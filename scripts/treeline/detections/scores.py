"""Precision, recall and average precision of detections of which it is known which are right.

Average precision is COCO's: the precision at 101 recalls from 0 to 1, each the highest at that recall or a higher one,
averaged over ten overlaps (pycocotools 2.0.11, `COCOeval.accumulate`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

RECALLS = np.linspace(0.0, 1.0, 101)
CURVE_THRESHOLDS = np.arange(201) / 200


class Counts(NamedTuple):
    """What a threshold gives.

    Args:
        true_positives: Detections that are right.
        false_positives: Detections that are not.
        missed: Of what is really there, how many have no detection.
    """

    true_positives: int
    false_positives: int
    missed: int

    @property
    def precision(self) -> float | None:
        """Share of the detections that are right; None without any."""
        detections = self.true_positives + self.false_positives
        return self.true_positives / detections if detections else None

    @property
    def recall(self) -> float | None:
        """Share of what is really there that was found; None where nothing is."""
        truths = self.true_positives + self.missed
        return self.true_positives / truths if truths else None

    def __add__(self, other: object) -> Counts:
        """Count both together."""
        assert isinstance(other, Counts)
        return Counts(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Scored:
    """Detections of one category, right or wrong at several overlaps.

    Args:
        images: Which image each detection is in, int64 [detections]; does not fall.
        confidences: float64 [detections]; does not rise within an image.
        correct: Whether it is right, bool [overlaps, detections].
        ignored: Whether it is neither right nor wrong, bool [overlaps, detections].
        truths: How many there really are in each image, int64 [images].
    """

    images: Integers
    confidences: Floats
    correct: Booleans
    ignored: Booleans
    truths: Integers

    def within(self, images: Booleans) -> Scored:
        """The same for some of the images.

        Args:
            images: Which, bool [images].
        """
        chosen = images[self.images]
        parts = self.images[chosen], self.confidences[chosen], self.correct[:, chosen], self.ignored[:, chosen]
        return Scored(*parts, np.where(images, self.truths, 0))

    def average_precisions(self) -> Floats | None:
        """The average precision at each overlap, from 0 to 1, float64 [overlaps]; None where nothing is to be found."""
        truths = int(self.truths.sum())
        if truths == 0:
            return None
        order = np.argsort(-self.confidences, kind="stable")
        pairs = zip(self.correct[:, order], self.ignored[:, order], strict=True)
        return np.array(
            [_average_precision(correct & ~ignored, ~correct & ~ignored, truths) for correct, ignored in pairs]
        )

    def counts(self, threshold: float) -> Counts:
        """Count what a threshold gives at the first overlap."""
        counted = (self.confidences >= threshold) & ~self.ignored[0]
        right = int(np.count_nonzero(counted & self.correct[0]))
        return Counts(right, int(np.count_nonzero(counted)) - right, int(self.truths.sum()) - right)

    def curve(self) -> list[tuple[float, Counts]]:
        """Count what each of `CURVE_THRESHOLDS` gives, at the first overlap."""
        right = np.sort(self.confidences[self.correct[0] & ~self.ignored[0]])
        wrong = np.sort(self.confidences[~self.correct[0] & ~self.ignored[0]])
        truths = int(self.truths.sum())
        true_positives = right.size - np.searchsorted(right, CURVE_THRESHOLDS, side="left")
        false_positives = wrong.size - np.searchsorted(wrong, CURVE_THRESHOLDS, side="left")
        return [
            (float(threshold), Counts(int(true), int(false), truths - int(true)))
            for threshold, true, false in zip(CURVE_THRESHOLDS, true_positives, false_positives, strict=True)
        ]


def _average_precision(right: Booleans, wrong: Booleans, truths: int) -> float:
    """Average precision of detections by falling confidence.

    Args:
        right: bool [detections].
        wrong: bool [detections]; one that is neither is ignored.
        truths: Number of what is really there, more than 0.
    """
    found = np.cumsum(right, dtype=float)
    recall = found / truths
    precision = found / (np.cumsum(wrong, dtype=float) + found + np.spacing(1))
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    # The recalls that are never reached have precision 0.
    return float(np.mean(np.append(highest, 0.0)[places]))
