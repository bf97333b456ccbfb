"""Class labels as MegaDB writes them: lower case, ASCII, `empty` for nothing there, `__label_unavailable` for no label."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
from unidecode import unidecode

from treeline.catalog.sources import Source

EMPTY = "empty"
UNAVAILABLE = "__label_unavailable"

ALIASES = {"blank": EMPTY, "nothing": EMPTY, "unlabeled": UNAVAILABLE, "unlabelled": UNAVAILABLE}
"""What other collections call the two labels that MegaDB prescribes."""

_NOT_ALLOWED = re.compile(r"[^ a-z0-9_\-'.,]+")
_COLUMNS = (("staged_images", True), ("staged_sequences", True), ("staged_videos", True), ("staged_boxes", False))


def normalise(label: str, labels: dict[str, str]) -> str:
    """Bring a label to MegaDB's form.

    Args:
        label: As the source has it.
        labels: What the user wants labels of the source to be called.

    Returns:
        Lower case ASCII of letters, digits and ` _-'.,`; `__label_unavailable` for a label of which nothing is left.
    """
    named = labels.get(label, label)
    plain = " ".join(_NOT_ALLOWED.sub(" ", unidecode(named).lower()).split()).strip(" -',")
    return ALIASES.get(plain, plain) or UNAVAILABLE


def normalise_classes(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Normalise all staged labels; MegaDB's own are left as they are, because its rules are for them."""
    if source.format == "megadb":
        return
    listed = " UNION ".join(f"SELECT unnest(class) AS label FROM {table}" for table, is_list in _COLUMNS if is_list)
    raw = connection.execute(f"{listed} UNION SELECT class FROM staged_boxes UNION SELECT class FROM staged_classes")
    names = [label for (label,) in raw.fetchall() if label is not None]
    renamed = {name: normalise(name, source.labels) for name in names}
    changed = {name: new for name, new in renamed.items() if new != name}
    if not changed:
        return
    connection.register("renamed_classes", pa.table({"old": list(changed), "new": list(changed.values())}))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE renamed AS SELECT map_from_entries(list((old, new))) AS names FROM renamed_classes"
    )
    connection.unregister("renamed_classes")
    for table, is_list in _COLUMNS:
        new = (
            "list_sort(list_distinct([coalesce(names[label], label) for label in class]))"
            if is_list
            else "coalesce(names[class], class)"
        )
        connection.execute(f"UPDATE {table} SET class = {new} FROM renamed WHERE class IS NOT NULL")
    connection.execute("UPDATE staged_classes SET class = coalesce(names[class], class) FROM renamed")
    connection.execute("DROP TABLE renamed")
