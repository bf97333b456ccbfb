"""The queries of the page: each is shown below what it gave, as a text that can be run elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from treeline.catalog.browse.search import Search, Window
from treeline.io.database import quote_literal

PAGE_IMAGES = 60
MOST_ROWS = 100
"""Of each table of counts."""
MOST_PLACES = 2000
MOST_FRAMES = 20_000
"""Of a sequence: more are not listed on its page."""

NO_FRAME = 2**63 - 1
"""Sorts an image without a `frame_num` behind the others."""

LATITUDES = ("latitude", "decimalLatitude", "lat")
LONGITUDES = ("longitude", "decimalLongitude", "lon", "lng", "long")

IMAGE_COLUMNS = (
    "image, dataset, seq_id, location, file, frame_num, class, datetime, time, width, height, uuid, annotated,"
    " rights_holder"
)
BOX_COLUMNS = "image, category, class, x_min, y_min, width, height, confidence"


@dataclass(frozen=True)
class Query:
    """SQL with named parameters.

    Args:
        sql: Text that holds nothing that a reader typed.
        parameters: Values by name.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def as_text(self) -> str:
        """The same as one text, its values quoted."""
        return re.sub(r"\$([a-z]+)", lambda found: _literal(self.parameters[found[1]]), self.sql)


DATASETS = Query("SELECT dataset FROM datasets ORDER BY dataset")


def page_of_images(search: Search, after: int) -> Query:
    """A page of the gallery as the page tells it; `pages.find_images` finds the same images sooner."""
    conditions, parameters = search.conditions()
    return Query(
        f"SELECT {IMAGE_COLUMNS}\nFROM image_facts\nWHERE {_all(['image > $after', *conditions])}"
        f"\nORDER BY image\nLIMIT {PAGE_IMAGES}",
        {**parameters, "after": after},
    )


def numbers_in(search: Search, window: Window, most: int, *, backwards: bool) -> Query:
    """Numbers of the first images of a window that a search finds, or of the last."""
    conditions, parameters = search.conditions(window)
    order = "DESC" if backwards else "ASC"
    return Query(
        f"SELECT image FROM image_facts WHERE {_all(conditions)} ORDER BY image {order} LIMIT $most",
        {**parameters, "most": most},
    )


def images_by_number(numbers: Sequence[int]) -> Query:
    """What the page shows of some images, at least one, in order of their numbers."""
    # Bounds and a list: of `IN` DuckDB makes a join, which reads the whole table.
    return Query(
        f"SELECT {IMAGE_COLUMNS} FROM image_facts"
        " WHERE image BETWEEN $first AND $last AND list_contains($images, image) ORDER BY image",
        {"first": min(numbers), "last": max(numbers), "images": list(numbers)},
    )


def boxes_by_number(numbers: Sequence[int]) -> Query:
    """The boxes of some images, at least one, by falling confidence, people's first."""
    return Query(
        f"SELECT {BOX_COLUMNS} FROM boxes WHERE image BETWEEN $first AND $last AND list_contains($images, image)"
        " ORDER BY image, confidence DESC NULLS FIRST, ingest, box",
        {"first": min(numbers), "last": max(numbers), "images": list(numbers)},
    )


def all_images(search: Search) -> Query:
    """Everything that `image_facts` says of all images that a search finds."""
    conditions, parameters = search.conditions()
    return Query(
        f"SELECT * EXCLUDE (image, sequence)\nFROM image_facts\nWHERE {_all(conditions)}\nORDER BY image", parameters
    )


def number_of_images(search: Search) -> Query:
    """How many images a search finds."""
    conditions, parameters = search.conditions()
    return Query(f"SELECT count(*) AS images\nFROM image_facts\nWHERE {_all(conditions)}", parameters)


def by_dataset(search: Search) -> Query:
    """Images by data set."""
    return _counts("dataset", search)


def by_class(search: Search) -> Query:
    """Images by class; an image with several counts for each, and one without for none."""
    conditions, parameters = search.conditions()
    # Lists are counted first: there are few of them.
    return Query(
        "WITH lists AS (\n"
        "    SELECT class, count(*) AS images\n    FROM image_facts\n"
        f"    WHERE {_all(conditions)}\n    GROUP BY class\n"
        "), single AS (\n"
        "    SELECT unnest(coalesce(class, [NULL])) AS class, images FROM lists\n)\n"
        "SELECT class, sum(images)::BIGINT AS images\nFROM single\n"
        f"GROUP BY class\nORDER BY images DESC, class\nLIMIT {MOST_ROWS}",
        parameters,
    )


def by_location(search: Search) -> Query:
    """Images by data set and location."""
    return _counts("dataset, location", search)


def by_month(search: Search) -> Query:
    """Images by month of the local time, such as 2024-05."""
    conditions, parameters = search.conditions()
    return Query(
        "SELECT strftime(month, '%Y-%m') AS month, images\nFROM (\n"
        "    SELECT date_trunc('month', time) AS month, count(*) AS images\n    FROM image_facts\n"
        f"    WHERE {_all(['time IS NOT NULL', *conditions])}\n    GROUP BY ALL\n)\nORDER BY month",
        parameters,
    )


def by_hour(search: Search) -> Query:
    """Images by hour of the day of the local time."""
    conditions, parameters = search.conditions()
    return Query(
        "SELECT hour(time) AS hour, count(*) AS images\nFROM image_facts\n"
        f"WHERE {_all(['time IS NOT NULL', *conditions])}\nGROUP BY hour\nORDER BY hour",
        parameters,
    )


def by_place(search: Search) -> Query:
    """Images by location, where latitude and longitude are known from the first sequence that says them."""
    conditions, parameters = search.conditions()
    found = ["coalesce(" + ", ".join(_degrees(names)) + ")" for names in (LATITUDES, LONGITUDES)]
    return Query(
        "WITH counted AS (\n"
        f"    SELECT dataset, location, count(*) AS images\n    FROM image_facts\n    WHERE {_all(conditions)}\n"
        "    GROUP BY dataset, location\n"
        "), placed AS (\n"
        "    SELECT dataset, location, arg_min(properties, sequence) AS properties\n    FROM sequences\n"
        "    WHERE contains(lower(properties), 'lat')\n    GROUP BY dataset, location\n"
        "), degrees AS (\n"
        f"    SELECT dataset, location, images,\n        {found[0]} AS latitude,\n        {found[1]} AS longitude\n"
        "    FROM counted JOIN placed USING (dataset, location)\n)\n"
        "SELECT *\nFROM degrees\nWHERE latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180\n"
        f"ORDER BY images DESC, dataset, location\nLIMIT {MOST_PLACES}",
        parameters,
    )


def sequence_number(dataset: str, seq_id: str) -> Query:
    """The number of a sequence and what is said of it."""
    return Query(
        "SELECT sequence, location, class, properties\nFROM sequences\nWHERE dataset = $dataset AND seq_id = $sequence",
        {"dataset": dataset, "sequence": seq_id},
    )


def frames(number: int) -> Query:
    """Images of a sequence in their order, with the place of each."""
    return Query(
        "SELECT image, frame_num, file FROM images WHERE sequence = $number"
        f" ORDER BY coalesce(frame_num, {NO_FRAME}), file LIMIT {MOST_FRAMES}",
        {"number": number},
    )


def properties_of(image: int) -> Query:
    """What the catalogue keeps of an image without a column of its own."""
    return Query("SELECT properties FROM images WHERE image = $image", {"image": image})


def page_of_sequence(dataset: str, seq_id: str) -> Query:
    """The images of a sequence as its page tells it."""
    return Query(
        f"SELECT {IMAGE_COLUMNS}\nFROM image_facts\nWHERE dataset = $dataset AND seq_id = $sequence"
        "\nORDER BY frame_num NULLS LAST, file",
        {"dataset": dataset, "sequence": seq_id},
    )


def _counts(columns: str, search: Search) -> Query:
    conditions, parameters = search.conditions()
    return Query(
        f"SELECT {columns}, count(*) AS images\nFROM image_facts\nWHERE {_all(conditions)}\nGROUP BY {columns}\n"
        f"ORDER BY images DESC, {columns}\nLIMIT {MOST_ROWS}",
        parameters,
    )


def _degrees(names: Sequence[str]) -> list[str]:
    """Where a latitude or longitude may stand: in a location that is an object, or among the properties."""
    return [f"try_cast(properties ->> '$.{place}{name}' AS DOUBLE)" for place in ("location.", "") for name in names]


def _all(conditions: Sequence[str]) -> str:
    return "\n    AND ".join(conditions) if conditions else "true"


def _literal(value: Any) -> str:
    if isinstance(value, date):
        return f"DATE {quote_literal(value.isoformat())}"
    return quote_literal(value) if isinstance(value, str) else repr(value)
