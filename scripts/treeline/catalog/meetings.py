"""Locations that meet: a sequence has images of both. They belong in one split, with all that they meet in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def together(names: Iterable[Name], met: Iterable[tuple[Name, Name]]) -> list[list[Name]]:
    """Put names into groups that no pair of `met` leads out of.

    Args:
        names: Each is in one group, in this order.
        met: Pairs; a name that is only here comes after the others.
    """
    parents = {name: name for name in names}

    def root(name: Name) -> Name:
        parents.setdefault(name, name)
        while parents[name] != name:
            parents[name] = name = parents[parents[name]]
        return name

    for one, other in met:
        parents[root(one)] = root(other)
    groups: dict[Name, list[Name]] = defaultdict(list)
    for name in parents:
        groups[root(name)].append(name)
    return list(groups.values())
