"""A small collection whose images are by many hands and under many licences, and what must be said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tests.tiny_shards import paths_below, write_manifest, write_shard
from treeline.io.licenses import normalise
from treeline.io.parquet import write_table
from treeline.paths import Paths

LICENSES = (
    *("http://creativecommons.org/licenses/by/4.0/legalcode", "CC0 1.0", "CC BY-NC 4.0", "CC BY", "", None),
    *("all rights reserved", "ask the curator", "public domain", "CC BY-SA 3.0 DE", "Not provided"),
)
CREATORS = ("Ann", None, " \t", "Bo *the* [great] <b>\n# two", None)
HOLDERS = (None, "A Museum", "Ann", None, "")
OBSERVERS = (None, "Cy", "Cy", "", "Cy")
SOURCES = ("A Museum", None, "B | Herbarium")
SHARDS = (("a.org", 0), ("a.org", 1), ("b.org%3A8080", 0))
ROWS = 55

Given = dict[str, str | None]
Credit = dict[str, str | None]


class Collection(NamedTuple):
    """A collection.

    Args:
        paths: Where it lies.
        rows: What the table of URLs said of each image, by uuid.
        shards: The path of each image's shard, by uuid.
    """

    paths: Paths
    rows: dict[str, Given]
    shards: dict[str, str]


def make_collection(root: Path) -> Collection:
    """Write shards and their batches, each of which has an image more, whose download failed."""
    made = Collection(paths_below(root), {}, {})
    for place, (server, partition) in enumerate(SHARDS):
        rows = [_row(place * ROWS + number) for number in range(ROWS + 1)]
        batch = [{"uuid": f"{server[0]}{partition}-{number:03d}", **row} for number, row in enumerate(rows)]
        # Batches of other months may lack columns that later tables had.
        names = [name for name in batch[0] if place or name != "recordedBy"]
        table = pa.table({name: pa.array([row[name] for row in batch], pa.string()) for name in names})
        write_table(made.paths.batch(server, partition), table)
        shard = made.paths.shard(server, partition) / "successes.parquet"
        uuids = [str(row["uuid"]) for row in batch[:ROWS]]
        write_shard(shard, uuids, [f"id-{uuid}" for uuid in uuids])
        for row in batch[:ROWS]:
            made.rows[str(row["uuid"])] = {name: row[name] if name in names else None for name in row}
            made.shards[str(row["uuid"])] = str(shard.relative_to(root))
    write_manifest(made.paths, [(*shard, ROWS + 1) for shard in SHARDS])
    return made


def _row(number: int) -> Given:
    def pick(values: Sequence[str | None]) -> str | None:
        return values[number % len(values)]

    return {
        "identifier": f"https://images.example/{number}.jpg",
        "source_id": f"occurrence {number}",
        "license": pick(LICENSES),
        "source": pick(SOURCES),
        "title": None if number % 7 == 0 else f"photo {number}",
        "creator": pick(CREATORS),
        "rightsHolder": HOLDERS[number // 5 % 5],
        "recordedBy": OBSERVERS[number // 25 % 5],
    }


def credit(uuid: str, row: Mapping[str, str | None]) -> Credit:
    """What the table of credits must say of an image, row by row and without a database."""
    told = {name: _text(row.get(name)) for name in ("title", "source", "creator", "rightsHolder", "recordedBy")}
    license = normalise(_text(row.get("license")))
    holder = told["rightsHolder"]
    creator = told["creator"] or (told["recordedBy"] if holder is None else None)
    problems = {
        "missing": ["no licence given"],
        "unknown": ["licence not recognised"],
        "partial": ["not a full licence"],
        "none": ["no licence granted"],
    }.get(license.status, [])
    if creator is None and holder is None and license.attribution is not False:
        problems = [*problems, "no creator"]
    return {
        "uuid": uuid,
        "file": None,
        "title": told["title"],
        "creator": creator,
        "rights_holder": holder,
        "source": told["source"],
        "url": row["identifier"],
        "license": license.name,
        "license_id": license.spdx_id,
        "license_url": license.url,
        "license_given": _text(row.get("license")),
        "lacks": "; ".join(problems) or None,
    }


def _text(value: str | None) -> str | None:
    text = (value or "").strip()
    return None if text in ("", "Not provided") else text
