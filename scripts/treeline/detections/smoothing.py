"""Which classes of a sequence give way to which: rules on counts alone.

They are those of the megadetector package (classification_postprocessing.py), with two differences that make the
outcome depend on the counts alone, and a second smoothing change nothing: where two classes are equally frequent none
of them wins, and the rules are applied until they change nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Taxon = tuple[str, ...]
"""Class, order, family, genus, species, subspecies: as far as it is known. Empty for what is no taxon."""

LEVELS = 5
PARTS_OF_DESCRIPTION = (LEVELS, LEVELS + 2)
"""A description is `class;order;family;genus;species`, or that between an identifier and a common name."""


@dataclass(frozen=True)
class MajorityRules:
    """How often a class must occur; the defaults are those of the megadetector package.

    Args:
        majority: Detections of the most frequent class that it takes to overwrite others.
        minority: A class with more detections is never overwritten.
        other_majority: Detections of the most frequent class that it takes to overwrite `others`.
        others: Names, lower case, of classes that say little; they are overwritten however many they are.
    """

    majority: int = 4
    minority: int = 1
    other_majority: int = 2
    others: tuple[str, ...] = ("other", "unknown", "no cv result", "animal", "blank", "mammal")


def smooth_counts(counts: Mapping[str, int], taxa: Mapping[str, Taxon], rules: MajorityRules) -> dict[str, str]:
    """Decide which classes of a sequence become which.

    Args:
        counts: Detections of each class, above 0.
        taxa: What each class is, as far as it is known; empty where the results describe no taxa.
        rules: How often a class must occur.

    Returns:
        The new class of each class that changes.
    """
    became = {name: name for name in counts}
    present = Counter(counts)
    while changes := _first_changes(present, taxa, rules):
        # Each round leaves fewer classes, so that there is a last one.
        became = {name: changes.get(now, now) for name, now in became.items()}
        present = Counter()
        for name, now in became.items():
            present[now] += counts[name]
    return {name: now for name, now in became.items() if now != name}


def parse_taxon(description: str) -> Taxon:
    """Read a description of a class; only the first of several, which `|` separates. Empty if it describes no taxon."""
    parts = [part.strip().lower() for part in description.partition("|")[0].split(";")]
    if len(parts) not in PARTS_OF_DESCRIPTION:
        return ()
    levels = parts[-1 - LEVELS : -1] if len(parts) > LEVELS else parts
    known = levels[: levels.index("")] if "" in levels else levels
    return (*known[: LEVELS - 1], *(word for name in known[LEVELS - 1 :] for word in name.split(" ", 1)))


def _first_changes(present: Counter[str], taxa: Mapping[str, Taxon], rules: MajorityRules) -> dict[str, str]:
    """The changes of the first rule that makes any."""
    return (
        dict(_overwrite_others(present, rules))
        or dict(_overwrite_minorities(present, taxa, rules))
        or dict(_become_more_precise(present, taxa))
    )


def _overwrite_others(present: Counter[str], rules: MajorityRules) -> Iterator[tuple[str, str]]:
    dominant = _dominant(present, rules)
    if dominant is not None and present[dominant] >= rules.other_majority:
        yield from ((name, dominant) for name in present if name.lower() in rules.others)


def _overwrite_minorities(
    present: Counter[str], taxa: Mapping[str, Taxon], rules: MajorityRules
) -> Iterator[tuple[str, str]]:
    dominant = _dominant(present, rules)
    if dominant is None or present[dominant] < rules.majority:
        return
    taxon = taxa.get(dominant, ())
    for name, count in present.items():
        # Where there are taxa, what is none (a vehicle) stays, and what is a kind of the dominant class says more.
        stays = taxa and (not taxa.get(name) or taxa[name][: len(taxon)] == taxon)
        if name != dominant and count <= rules.minority and count < present[dominant] and not stays:
            yield name, dominant


def _become_more_precise(present: Counter[str], taxa: Mapping[str, Taxon]) -> Iterator[tuple[str, str]]:
    """Turn a taxon into one below it that occurs too: the lowest, and of equally low ones the most frequent."""
    for name in present:
        taxon = taxa.get(name, ())
        below = [
            (len(taxa[other]), count, other)
            for other, count in present.items()
            if taxon and len(taxa.get(other, ())) > len(taxon) and taxa[other][: len(taxon)] == taxon
        ]
        best = sorted(below, reverse=True)[:2]
        if len(best) == 1 or (len(best) == 2 and best[0][:2] > best[1][:2]):
            yield name, best[0][2]


def _dominant(present: Counter[str], rules: MajorityRules) -> str | None:
    """The most frequent class; none where it is one of `others`, or where two are equally frequent.

    One of `others` that is as frequent as the best class does not count.
    """
    named = {name: count for name, count in present.items() if name.lower() not in rules.others}
    most = max(present.values(), default=0)
    best = [name for name, count in named.items() if count == most]
    return best[0] if len(best) == 1 else None
