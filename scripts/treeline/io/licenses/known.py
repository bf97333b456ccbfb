"""The licences of `known.csv`: all but those of Creative Commons that are made of parts."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import cast

from treeline.io.licenses.license import License, Status
from treeline.io.licenses.texts import fold, key, split_urls

_TABLE = Path(__file__).with_name("known.csv")
_YES_OR_NO = {"yes": True, "no": False, "": None}


@cache
def known_licenses() -> dict[str, License]:
    """Every licence of the table by each of its spellings, as `key` gives them, and addresses, as `split_urls` does."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    spelled: dict[str, License] = {}
    for row in rows:
        license = _license(row)
        spellings = [row["name"], row["spdx_id"], row["url"], *row["spellings"].split("|")]
        for spelling in filter(None, map(_spelling, spellings)):
            if spelled.setdefault(spelling, license) != license:
                raise ValueError(f"{_TABLE}: {spelling} is said to be two licences")
    return spelled


def known(name: str) -> License:
    """The licence of a name that the table has.

    Raises:
        KeyError: It has none of that name.
    """
    return known_licenses()[key(fold(name))]


def _spelling(text: str) -> str:
    urls, _ = split_urls(fold(text))
    return urls[0] if urls else key(fold(text))


def _license(row: dict[str, str]) -> License:
    terms = ("attribution", "share_alike", "commercial", "derivatives", "public_domain")
    return License(
        row["name"],
        cast(Status, row["status"]),
        row["spdx_id"] or None,
        row["url"] or None,
        **{term: _YES_OR_NO[row[term]] for term in terms},
    )
