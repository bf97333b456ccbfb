"""What the views show: rows of the catalogue, laid out for the templates."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from treeline.catalog.browse import queries
from treeline.catalog.browse.queries import LATITUDES, LONGITUDES, PAGE_IMAGES, Query
from treeline.catalog.browse.reader import Reader, Row
from treeline.catalog.browse.search import Search, Window

FIRST_WINDOW_IMAGES = 500_000
WINDOW_GROWTH = 4
STRIP_FRAMES = 30
"""Frames before and after the chosen one that a sequence's page shows."""

LAST_IMAGE = Query("SELECT coalesce(max(image), 0) AS image FROM images")


@dataclass(frozen=True)
class Gallery:
    """A page of images.

    Args:
        images: By number, each with its `boxes`.
        has_earlier: Whether images come before them.
        has_later: Whether images come after them.
    """

    images: list[Row]
    has_earlier: bool
    has_later: bool


@dataclass(frozen=True)
class OneSequence:
    """A sequence with one of its frames.

    Args:
        facts: What is said of the sequence.
        frames: Those around the chosen one.
        place: Of the chosen one among all, from 1.
        total: Number of all.
        image: The chosen one, with its `boxes` and `properties`.
    """

    facts: Row
    frames: list[Row]
    place: int
    total: int
    image: Row

    def beside(self, step: int) -> Row | None:
        """The frame before (-1) or after (1) the chosen one."""
        at = next(place for place, frame in enumerate(self.frames) if frame["image"] == self.image["image"]) + step
        return self.frames[at] if 0 <= at < len(self.frames) else None


def find_gallery(reader: Reader, search: Search, *, after: int = 0, before: int | None = None) -> Gallery:
    """The images that follow number `after`, or those that end before number `before`."""
    backwards = before is not None
    numbers = find_images(reader, search, before if before is not None else after, backwards=backwards)
    has_more = len(numbers) > PAGE_IMAGES
    numbers = numbers[:PAGE_IMAGES]
    return Gallery(
        images=with_boxes(reader, sorted(numbers)),
        has_earlier=has_more if backwards else after > 0,
        has_later=backwards or has_more,
    )


def find_images(reader: Reader, search: Search, start: int, *, backwards: bool) -> list[int]:
    """Numbers of the images of a page, and of one more where there is one.

    The collection is searched in windows, each larger than the last: what is frequent is found in the first one, and
    what is rare costs little more than one look through everything.

    Args:
        reader: Of the catalogue.
        search: What is searched for.
        start: The images come after this number, or before it.
        backwards: Whether before it; they come in falling order then.
    """
    [last] = [row["image"] for row in reader.remembered(LAST_IMAGE)]
    found: list[int] = []
    size = FIRST_WINDOW_IMAGES
    position = min(start, last + 1) - 1 if backwards else start
    while len(found) <= PAGE_IMAGES and (position > 0 if backwards else position < last):
        window = Window(max(0, position - size), position) if backwards else Window(position, position + size)
        missing = PAGE_IMAGES + 1 - len(found)
        rows = reader.rows(queries.numbers_in(search, window, missing, backwards=backwards))
        found += [row["image"] for row in rows]
        position = window.after if backwards else window.through
        size *= WINDOW_GROWTH
    return found


def with_boxes(reader: Reader, numbers: Sequence[int]) -> list[Row]:
    """Images by their numbers, each with a list of its boxes."""
    if not numbers:
        return []
    boxes: dict[int, list[Row]] = defaultdict(list)
    for box in reader.rows(queries.boxes_by_number(numbers)):
        boxes[box.pop("image")].append(box)
    images = reader.rows(queries.images_by_number(numbers))
    return [{**image, "boxes": boxes[image["image"]]} for image in images]


def find_sequence(reader: Reader, dataset: str, seq_id: str, file: str) -> OneSequence | None:
    """A sequence with the frame of a name, or else its first; None where there is none."""
    found = reader.rows(queries.sequence_number(dataset, seq_id))
    if not found:
        return None
    facts = found[0]
    frames = reader.rows(queries.frames(facts["sequence"]))
    if not frames:
        return None
    chosen = next((place for place, frame in enumerate(frames) if frame["file"] == file), 0)
    number = frames[chosen]["image"]
    [image] = with_boxes(reader, [number])
    [kept] = reader.rows(queries.properties_of(number))
    image["properties"] = as_facts(kept["properties"])
    facts["properties"] = as_facts(facts["properties"])
    around = frames[max(0, chosen - STRIP_FRAMES) : chosen + STRIP_FRAMES + 1]
    return OneSequence(facts, around, chosen + 1, len(frames), image)


def as_facts(properties: str | None) -> dict[str, str]:
    """Properties, a JSON object, as names with texts."""
    content: dict[str, Any] = json.loads(properties) if properties else {}
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in content.items()
    }


def place_name(location: str) -> str:
    """A location in few words: of one that is an object its name, or else latitude and longitude, where it has them."""
    try:
        content = json.loads(location)
    except ValueError:
        return location
    if not isinstance(content, dict):
        return location
    degrees = [next((content[name] for name in names if name in content), None) for names in (LATITUDES, LONGITUDES)]
    if isinstance(content.get("name"), str):
        return str(content["name"])
    return location if None in degrees else ", ".join(map(str, degrees))


def totals(reader: Reader, search: Search) -> dict[str, list[Row]]:
    """Counts of the images that a search finds, by data set, class and location."""
    return {
        "dataset": reader.remembered(queries.by_dataset(search)),
        "class": reader.remembered(queries.by_class(search)),
        "location": reader.remembered(queries.by_location(search)),
    }
