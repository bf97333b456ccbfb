"""Share locations out to splits, so that each split has its share of the images, the boxes and every label.

Every location goes where it brings the shares nearest to what they are to be: the cost of a state is the chi-squared
distance of the amounts in each split from its share, summed over the measures. Larger locations go first, as what is
left has to even them out; of about the same size, in an order that the seed draws. After Sechidis, Tsoumakas, Vlahavas:
On the stratification of multi-label data (2011), for groups instead of single examples.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from treeline.catalog.meetings import together

SPLITS = ("train", "val", "test")
TRAIN = SPLITS[0]

Floats = npt.NDArray[np.float64]


@dataclass
class Location:
    """What images of one location bring.

    Args:
        name: None for the images without a location.
        amounts: By measure, such as ("images", "") or ("label", "deer"); more than 0.
    """

    name: str | None
    amounts: dict[tuple[str, str], int] = field(default_factory=dict)


def assign(
    family: str,
    locations: Iterable[Location],
    known: Mapping[str, str],
    shares: Sequence[float],
    seed: int,
    met: Iterable[tuple[str | None, str | None]] = (),
) -> dict[str, str]:
    """Find a split for each location of a family of data sets that has none.

    The result depends on what is given alone, not on the order of the locations.

    Args:
        family: Name of the family; each is shared out by itself.
        locations: All of the family's, those with a split too.
        known: Splits of locations, which stay as they are.
        shares: Of train, val and test, in this order; they add up to 1.
        seed: Another one draws other splits.
        met: Pairs of locations that have a sequence in common. They go to one split, with all that they are paired
            with in turn: that of those which have one (the first of train, val and test, if these differ).

    Returns:
        Splits of the locations that had none, by name. What has no name is for training.
    """
    splits: dict[str | None, str] = {None: TRAIN}
    splits.update(known)
    by_name = {location.name: location for location in sorted(locations, key=lambda location: location.name or "")}
    groups = [[by_name[name] for name in group] for group in together(by_name, met)]
    for group in groups:
        if found := {splits[one.name] for one in group if one.name in splits}:
            followed = min(found, key=SPLITS.index)
            splits.update({one.name: followed for one in group if one.name not in splits})
    placed = [one for group in groups for one in group if one.name in splits]
    free = sorted((_joined(group) for group in groups if group[0].name not in splits), key=_turn_of(family, seed))
    state = _State([one.amounts for one in (*placed, *free)], shares)
    for number, location in enumerate(placed):
        state.put(number, SPLITS.index(splits[location.name]))
    drawn: dict[str | None, str] = {}
    for number, location in enumerate(free, start=len(placed)):
        chosen = state.cheapest(number)
        state.put(number, chosen)
        drawn[location.name] = SPLITS[chosen]
    for group in groups:
        if group[0].name in drawn:
            splits.update({one.name: drawn[group[0].name] for one in group})
    return {name: split for name, split in splits.items() if name is not None and name not in known}


def _joined(group: Sequence[Location]) -> Location:
    """All of a group as one location of the first one's name."""
    amounts: Counter[tuple[str, str]] = Counter()
    for location in group:
        amounts.update(location.amounts)
    return Location(group[0].name, dict(amounts))


class _State:
    """What is in which split by now, as shares of all there is."""

    def __init__(self, amounts: Sequence[Mapping[tuple[str, str], int]], shares: Sequence[float]) -> None:
        measures = sorted({measure for one in amounts for measure in one})
        number = {measure: place for place, measure in enumerate(measures)}
        self._measures = [np.array([number[measure] for measure in one], np.int64) for one in amounts]
        self._parts = [np.array(list(one.values()), np.float64) for one in amounts]
        totals = np.zeros(len(measures))
        for places, parts in zip(self._measures, self._parts, strict=True):
            totals[places] += parts
        for places, parts in zip(self._measures, self._parts, strict=True):
            parts /= totals[places]
        labels = sum(measure == "label" for measure, _ in measures)
        # All labels together weigh as much as the images, and as the boxes.
        self._weights = np.array([1 / labels if measure == "label" else 1.0 for measure, _ in measures])
        self._wanted = np.array([split for split, share in enumerate(shares) if share > 0], np.int64)
        self._shares = np.array(shares)[self._wanted, None]
        self._taken: Floats = np.zeros((len(SPLITS), len(measures)))

    def put(self, number: int, split: int) -> None:
        """Put a location into a split."""
        self._taken[split, self._measures[number]] += self._parts[number]

    def cheapest(self, number: int) -> int:
        """The split in which a location costs least; of equal ones the first."""
        places, parts = self._measures[number], self._parts[number]
        taken = self._taken[np.ix_(self._wanted, places)]
        rise = parts * ((2 * taken + parts) / self._shares - 2) * self._weights[places]
        return int(self._wanted[np.argmin(rise.sum(axis=1))])


def _turn_of(family: str, seed: int) -> Callable[[Location], tuple[int, bytes, str]]:
    """When a location's turn is: by the number of binary digits of its images, then as the seed draws."""

    def turn(location: Location) -> tuple[int, bytes, str]:
        name = location.name or ""
        drawn = hashlib.sha256(f"{seed}/{family}/{name}".encode()).digest()
        return -location.amounts.get(("images", ""), 0).bit_length(), drawn, name

    return turn
