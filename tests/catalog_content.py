"""Catalogues for tests: ingest a file, export it, and compare what two catalogues say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from treeline.catalog.database import open_to_read
from treeline.catalog.exports import EXPORTS
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source

ROUND_TRIPS = settings(max_examples=6, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""A round trip takes a second: to shrink a failing one would take minutes."""

BY_NAME = {
    "datasets": "SELECT * EXCLUDE (ingest, hoisted) FROM datasets",
    "sequences": "SELECT * EXCLUDE (sequence, ingest, hoisted) FROM sequences",
    "images": """
        SELECT dataset, seq_id, image.* EXCLUDE (image, sequence, ingest)
        FROM images AS image JOIN sequences USING (sequence)
    """,
    "boxes": """
        SELECT dataset, file, box.* EXCLUDE (image, ingest)
        FROM boxes AS box JOIN images USING (image) JOIN sequences USING (sequence)
    """,
    "videos": """
        SELECT dataset, seq_id, video.* EXCLUDE (video, sequence, ingest)
        FROM videos AS video JOIN sequences USING (sequence)
    """,
    "classes": "SELECT * EXCLUDE (ingest) FROM classes",
    "splits": "FROM splits",
    "split entries": "FROM split_entries",
}
HOISTED = {
    "hoisted": "SELECT dataset, seq_id, list_sort(hoisted) FROM sequences",
    "hoisted to data sets": "SELECT dataset, '', list_sort(hoisted) FROM datasets",
}

_TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
_NUMBERS = st.integers(1 - 2**63, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=3,
)


def unknown_properties(known: frozenset[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Properties that a format does not define, often the same ones, so that they are hoisted."""
    keys = st.sampled_from(["rights_holder", "season", "comment", "access"]) | _TEXT.filter(
        lambda key: key not in known
    )
    properties = st.dictionaries(keys, st.sampled_from(["a", 1, None]) | JSON_VALUES, max_size=3)
    # MegaDB knows this one, and it is text.
    return properties.map(lambda given: given | ({"rights_holder": "A"} if "rights_holder" in given else {}))


def take_in(
    catalog: Path, file: Path, format: str, dataset: str | None = None, *, boxes_complete: bool = False
) -> None:
    """Ingest a file or a folder."""
    source = Source("it", format, file, dataset=dataset, is_strict=format == "megadb", boxes_complete=boxes_complete)
    ingest(catalog, source, memory_mb=1024, threads=1)


def put_out(catalog: Path, format: str, target: Path, options: ExportOptions | None = None) -> dict[str, int]:
    """Export a catalogue."""
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return EXPORTS[format](connection, target, options or ExportOptions())


def content(catalog: Path, *, with_hoisted: bool = False) -> dict[str, list[Any]]:
    """What a catalogue says, without the numbers that exist in its file only; JSON is compared as values."""
    queries = BY_NAME | (HOISTED if with_hoisted else {})
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return {
            name: sorted((tuple(map(_plain, row)) for row in connection.execute(query).fetchall()), key=repr)
            for name, query in queries.items()
        }


def rows(catalog: Path, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(query).fetchall()


def _plain(value: Any) -> Any:
    return json.dumps(json.loads(value), sort_keys=True) if isinstance(value, str) and value.startswith("{") else value
