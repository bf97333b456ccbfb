"""Whether what results speak of is there."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path

from treeline.errors import InputError
from treeline.io.results import Results


def check_places(file: Path, results: Results, wanted: Iterable[str], places: Container[str]) -> None:
    """Refuse results whose images are not there.

    Raises:
        InputError: Says how many are missing, and names the first.
    """
    missing = [name for name in wanted if name not in places]
    if missing:
        count = (
            f"{len(missing)} of {len(results['images'])} images are not among those given; the first is {missing[0]}."
        )
        raise InputError(file, count, fix="Names must be paths below the folder given, or members' names.")


def check_category_names(file: Path, results: Results, wanted: Iterable[str]) -> None:
    """Refuse names of categories that results do not have.

    Raises:
        InputError: Names the first.
    """
    known = sorted(set(results["detection_categories"].values()))
    for category in sorted(wanted):
        if category not in known:
            fix = f"It has: {', '.join(known)}."
            raise InputError(file, f"has no category {category!r}.", field="detection_categories", fix=fix)
