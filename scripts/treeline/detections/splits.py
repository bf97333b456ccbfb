"""Which images are for training, and which for validation and testing.

An image's split depends on its location, the seed and the shares alone: images of one location are never in two
splits, and images that are added later move none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

TRAIN, VALIDATION, TEST = "train", "val", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True)
class Shares:
    """How large the splits are to be.

    Args:
        validation: Share of the locations, from 0 to 1.
        test: Likewise; both together are at most 1.
        seed: Another one draws other locations.
    """

    validation: float
    test: float
    seed: int

    def split_of(self, location: str) -> str:
        """The split of all images of a location."""
        digest = hashlib.sha256(f"{self.seed}/{location}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        if drawn < self.test:
            return TEST
        return VALIDATION if drawn < self.test + self.validation else TRAIN
