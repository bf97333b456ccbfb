"""What a reader searches for: the fields of the form, and the conditions that they become.

What is typed reaches the database as parameters alone; the text of a condition is always one of those below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from treeline.errors import TreelineError

BOXES = {
    "some": "has boxes",
    "none": "confirmed empty",
    "unknown": "never annotated",
}
"""Values of `Search.boxes`, with what the form calls them."""

LONGEST_TEXT = 1000
LAST_DAY = date.max - timedelta(days=1)


class SearchError(TreelineError):
    """A field of the form holds what it cannot mean; the text names the field."""


class Window(NamedTuple):
    """Numbers of images that a search is limited to.

    Args:
        after: Those above this one,
        through: up to this one, included.
    """

    after: int
    through: int


@dataclass(frozen=True)
class Search:
    """What is searched for; an empty text or None searches for anything.

    Args:
        label: A class that holds for the image: its own, or else its sequence's.
        dataset: Name of the data set.
        location: As text.
        since: First day, local time.
        until: Last day, included.
        boxes: A key of `BOXES`.
        confidence: Least confidence of a box that counts, 0 to 1; a box that a person drew always does.
        text: Part of the file's name, without regard to case.
    """

    label: str = ""
    dataset: str = ""
    location: str = ""
    since: date | None = None
    until: date | None = None
    boxes: str = ""
    confidence: float | None = None
    text: str = ""

    def address(self, **changed: Any) -> str:
        """The part of an address that means this search, with some of its fields changed."""
        search = replace(self, **changed)
        values = {ADDRESS_NAMES[field.name]: getattr(search, field.name) for field in fields(search)}
        return urlencode({name: str(value) for name, value in values.items() if value not in ("", None)})

    def conditions(self, window: Window | None = None) -> tuple[list[str], dict[str, Any]]:
        """SQL conditions on `image_facts`, all of which hold, and the values of their parameters.

        Args:
            window: Numbers of images that it is limited to.
        """
        found: list[tuple[str, dict[str, Any]]] = []
        if window is not None:
            found.append(("image > $after AND image <= $through", window._asdict()))
        if self.dataset:
            found.append(("dataset = $dataset", {"dataset": self.dataset}))
        if self.location:
            found.append(("location = $location", {"location": self.location}))
        if self.label:
            found.append(("list_contains(class, $class)", {"class": self.label}))
        if self.since is not None:
            found.append(("time >= $since", {"since": self.since}))
        if self.until is not None:
            found.append(("time < $before", {"before": self.until + timedelta(days=1)}))
        if self.text:
            found.append(("contains(lower(file), $text)", {"text": self.text.lower()}))
        if self.boxes:
            found.append(self._boxes_condition(is_limited=window is not None))
        parameters = {name: value for _, of_one in found for name, value in of_one.items()}
        return [condition for condition, _ in found], parameters

    def _boxes_condition(self, *, is_limited: bool) -> tuple[str, dict[str, Any]]:
        if self.boxes == "unknown":
            return "NOT annotated", {}
        limits = ["image > $after AND image <= $through"] if is_limited else []
        parameters = {}
        if self.confidence is not None:
            limits.append("coalesce(confidence, 1) >= $confidence")
            parameters["confidence"] = self.confidence
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        with_box = f"(SELECT image FROM boxes{where})"
        condition = f"image IN {with_box}" if self.boxes == "some" else f"annotated AND image NOT IN {with_box}"
        return condition, parameters


ADDRESS_NAMES = {
    "label": "class",
    "dataset": "dataset",
    "location": "location",
    "since": "from",
    "until": "to",
    "boxes": "boxes",
    "confidence": "confidence",
    "text": "file",
}
"""Fields of `Search`, with their names in an address."""


def read_search(words: Mapping[str, str]) -> Search:
    """Read a search from the words of an address.

    Raises:
        SearchError: A word cannot mean what its field needs.
    """
    given = {field: words.get(name, "").strip() for field, name in ADDRESS_NAMES.items()}
    for field, value in given.items():
        if len(value) > LONGEST_TEXT or "\0" in value:
            raise SearchError(f"{ADDRESS_NAMES[field]}: is longer than {LONGEST_TEXT} characters, or no text.")
    if given["boxes"] and given["boxes"] not in BOXES:
        raise SearchError(f"boxes: {given['boxes']!r} is none of {', '.join(BOXES)}.")
    confidence = _read_confidence(given["confidence"])
    return Search(
        label=given["label"],
        dataset=given["dataset"],
        location=given["location"],
        since=_read_day("from", given["since"]),
        until=_read_day("to", given["until"]),
        boxes=given["boxes"] or ("some" if confidence is not None else ""),
        confidence=confidence,
        text=given["text"],
    )


def _read_day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return min(date.fromisoformat(text), LAST_DAY)
    except ValueError:
        raise SearchError(f"{name}: {text!r} is no day such as 2024-05-06.") from None


def _read_confidence(text: str) -> float | None:
    if not text:
        return None
    try:
        confidence = float(text)
    except ValueError:
        confidence = -1
    if not 0 <= confidence <= 1:
        raise SearchError(f"confidence: {text!r} is no number from 0 to 1.")
    return confidence
