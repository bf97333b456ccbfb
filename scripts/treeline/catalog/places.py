"""Say where in a MegaDB file something is, and what is there, for people."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

MAX_CHARACTERS = 80
MAX_ENTRIES = 8
SECRETS = frozenset({"container_sas_key"})

_NAMES = ("seq_id", "dataset_name", "file", "dataset")
_SIGNATURE = re.compile(r"(?i)\b(sig|se|sp|sv|sr)=.*")


def place(table: str, number: int, entry: object, path: Sequence[str | int] = ()) -> str:
    """The way to a value: `sequences[12] (seq_id 'x').images[3] (file 'y').bbox[0]`, counted from 0 as in JSON.

    Args:
        table: `sequences`, `datasets` or `splits`.
        number: The entry's place in the list.
        entry: What is there.
        path: Keys and places within it.
    """
    text = f"{table}[{number}]{_name(entry)}"
    for step in path:
        entry = _within(entry, step)
        text += (f"[{step}]" if isinstance(step, int) else f".{short(step)[1:-1]}") + _name(entry)
    return text


def value_at(entry: object, path: Sequence[str | int]) -> str:
    """What is at the end of the path, shortened; nothing of a key."""
    for step in path:
        if step in SECRETS:
            return "(a key)"
        entry = _within(entry, step)
    return short(entry)


def short(value: Any) -> str:
    """A value as JSON in one line of at most `MAX_CHARACTERS`; of large ones, what they are."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        is_small = len(value) <= MAX_ENTRIES and not any(isinstance(one, dict | list) for one in value)
        return f"[{', '.join(map(short, value))}]" if is_small else f"a list of {len(value):,}"
    if isinstance(value, str):
        value = _SIGNATURE.sub(r"\1=(hidden)", value[: 2 * MAX_CHARACTERS]) if "=" in value else value
        value = value if len(value) <= MAX_CHARACTERS else value[:MAX_CHARACTERS] + "..."
    return json.dumps(value, ensure_ascii=False, default=str)


def _name(entry: object) -> str:
    if isinstance(entry, dict):
        for key in _NAMES:
            if isinstance(entry.get(key), str | int):
                return f" ({key} {quoted(entry[key])})"
    return ""


def quoted(name: object) -> str:
    """A name in quotes, shortened, with control characters escaped."""
    return "'" + short(str(name))[1:-1].replace("'", "\\'") + "'"


def _within(entry: Any, step: str | int) -> object:
    try:
        return entry[step]
    except (KeyError, IndexError, TypeError):
        return None
