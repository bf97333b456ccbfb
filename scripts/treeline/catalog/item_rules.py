"""The rules for one entry of a MegaDB file that its schema cannot hold, in the order of MegaDB's own checks.

An entry may be anything here: what is of a wrong type is for the schema to refuse, and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from urllib.parse import parse_qs

from treeline.catalog.classes import EMPTY
from treeline.catalog.rules import MAX_INTEGER, TOLERANCE

KEY_NOTICE = timedelta(days=30)
"""How long before a key expires a warning is given."""

DUMMY = "dummy_"

_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_ROOT = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_UP = re.compile(r"(^|[/\\])\.\.([/\\]|$)")

Breach = tuple[str, tuple[str | int, ...]]
"""The name of a rule, and the way to what breaks it."""


def sequence_breaches(sequence: dict[str, Any], *, is_strict: bool) -> Iterator[Breach]:
    """What is wrong with a sequence beside its schema."""
    images = list(_objects(sequence.get("images")))
    yield from _classes(sequence, images)
    yield from _frame_numbers(images)
    if is_strict:
        yield from _strict(sequence, images)


def _classes(sequence: dict[str, Any], images: list[tuple[int, dict[str, Any]]]) -> Iterator[Breach]:
    if "class" in sequence:
        return
    without = [place for place, image in images if "class" not in image]
    if len(without) == len(images):
        yield "class_missing", ()
    else:
        yield from (("class_missing", ("images", place)) for place in without)


def _frame_numbers(images: list[tuple[int, dict[str, Any]]]) -> Iterator[Breach]:
    seen: set[float] = set()
    for place, image in images:
        number = image.get("frame_num")
        path = ("images", place, "frame_num")
        if "frame_num" not in image:
            if len(images) > 1:
                yield "frame_num_missing", path[:-1]
        elif _is_number(number):
            if number in seen:
                yield "frame_num_repeated", path
            if number > MAX_INTEGER:
                yield "frame_num_range", path
            seen.add(number)


def _strict(sequence: dict[str, Any], images: list[tuple[int, dict[str, Any]]]) -> Iterator[Breach]:
    seq_id = sequence.get("seq_id")
    if isinstance(seq_id, str) and seq_id.startswith(DUMMY) and len(images) > 1:
        yield "dummy_of_several", ()
    yield from _level(sequence, ())
    for place, image in images:
        path: tuple[str | int, ...] = ("images", place)
        yield from _level(image, path)
        file = image.get("file")
        if isinstance(file, str) and is_outside(file):
            yield "path_outside", (*path, "file")
        for number, box in _objects(image.get("bbox")):
            yield from ((rule, (*path, "bbox", number, "bbox")) for rule in _box(box))


def _level(entry: dict[str, Any], path: tuple[str | int, ...]) -> Iterator[Breach]:
    """The rules that hold for sequences and images alike."""
    labels, time = entry.get("class"), entry.get("datetime")
    if isinstance(labels, list) and len(labels) > 1 and EMPTY in labels:
        yield "empty_not_alone", (*path, "class")
    if "datetime" in entry and not (isinstance(time, str) and is_time(time)):
        yield "datetime", (*path, "datetime")


def _box(box: dict[str, Any]) -> Iterator[str]:
    sides = box.get("bbox")
    if not (isinstance(sides, list) and len(sides) == 4 and all(map(_is_number, sides))):
        return
    x_min, y_min, width, height = sides
    if x_min + width > 1 + TOLERANCE or y_min + height > 1 + TOLERANCE:
        yield "box_beyond_image"
    if "confidence" not in box and (width <= 0 or height <= 0):  # of a detector's, `staged_checks.py` warns
        yield "box_without_size"


def is_time(text: str) -> bool:
    """Whether a text is a date, or a date and a time, of the calendar: ISO 8601, or with a blank for the T."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_outside(file: str) -> bool:
    """Whether a path begins at a root or goes up."""
    return bool(_ROOT.match(file) or (".." in file and _UP.search(file)))


def key_problem(key: str, now: datetime) -> tuple[str, str] | None:
    """What is the matter with a data set's key, as a rule's name and what may be said of it.

    Args:
        key: A shared access signature of Azure: `?se=2021-01-01T07%3A59%3A00Z&sp=rl&sig=...`.
        now: With a time zone.

    Returns:
        None for a key that is good for more than 30 days.
    """
    _, mark, query = key.partition("?")
    expiry = parse_qs(query).get("se", [""])[0]
    if not mark or not expiry:
        return "key_unreadable", "no se= after a ?"
    try:
        end = datetime.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "key_unreadable", "se= is no time"
    if end <= now:
        return "key_expires", f"expired at {end:%Y-%m-%d %H:%M:%S} UTC"
    if end <= now + KEY_NOTICE:
        return "key_expires", f"expires at {end:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _objects(entries: object) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those entries of a list that are objects, with their places."""
    if isinstance(entries, list):
        yield from ((place, entry) for place, entry in enumerate(entries) if isinstance(entry, dict))


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) in (int, float)
