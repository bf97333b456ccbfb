"""Which images stand for all of them: chosen by their numbers and not by their order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def scramble(numbers: Numbers) -> npt.NDArray[np.uint64]:
    """Map numbers one to one to others that look random: the last step of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def choose_images(ids: Numbers, most: int) -> frozenset[int]:
    """Choose at most so many images; whether one is chosen hangs on the ids alone."""
    return frozenset(draw_images(ids, most).tolist())


def draw_images(ids: Numbers, most: int) -> Numbers:
    """Choose as `choose_images` does; of many images also part by part, each with those that are drawn so far."""
    return ids[np.argsort(scramble(ids), kind="stable")[:most]]
