"""Which forms nothing beats."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Say of each point whether it is on the Pareto front: no other is as good in both and better in one.

    Args:
        points: Cost, of which less is better, and value, of which more is better; finite.
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] >= other[1]
