"""Some images to show, with their boxes: the same ones of the same files, from all over the collection."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from math import ceil
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg
from treeline.io.images import open_stored
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name, mask_credentials
from treeline.io.parquet import row_sizes, stream_rows
from treeline.io.resize import fit, reduce
from treeline.io.shard_images import read_wanted, row_groups
from treeline.report.facts.collection import Collection, Outcome, Rows
from treeline.schemas import DETECTIONS, NOT_PROVIDED

PICTURES = 24
LONGEST_SIDE = 320
"""Pixels of a picture."""
QUALITY = 75
BATCH_ROWS = 4096

PERSON = "person"
SUSPECTED = 0.5
"""Share of the least confidence from which on a person is taken for one: such images are not shown."""

SHOWN = pa.schema([DETECTIONS.field(name) for name in ("server_name", "partition_id")])

FACTS = ("uuid", "license", "title", "identifier")

BOXES = """
SELECT server_name, partition_id, uuid, category, confidence, [x_min, y_min, box_width, box_height] AS box
FROM read_parquet(?, hive_partitioning = false) SEMI JOIN shown USING (server_name, partition_id)
WHERE category IS NOT NULL AND confidence >= {least}
ORDER BY confidence DESC, category, box
"""
"""Of all shards that are shown, in one pass: the table is large."""

Boxes: TypeAlias = Mapping[str, list[dict[str, Any]]]
"""Boxes of images, by their uuid, the surest first."""

log = logging.getLogger(__name__)


def measure_gallery(collection: Collection) -> Rows:
    """Make the table `gallery`: of shards at even distances, the first images by a hash of their uuid.

    Where there are detections, these are images with a box that is sure enough, and without a person.

    Raises:
        InputError: A shard or the table of detections cannot be read.
    """
    outcomes = [outcome for outcome in collection.downloaded if outcome.images]
    count = min(PICTURES, len(outcomes))
    shown = [outcomes[place * len(outcomes) // count] for place in range(count)]
    boxes = _boxes(collection, shown)
    most = ceil(PICTURES / count) if count else 0
    rows = [list(_of_shard(collection, one, None if boxes is None else boxes[one.shard.id], most)) for one in shown]
    return [row for in_turn in zip_longest(*rows) for row in in_turn if row is not None][:PICTURES]


def _of_shard(collection: Collection, outcome: Outcome, boxes: Boxes | None, most: int) -> Iterator[dict[str, object]]:
    table = collection.output.shard_file(outcome.shard, "successes.parquet")
    facts = {
        row["uuid"]: row for batch in stream_rows(table, FACTS, BATCH_ROWS) for row in batch.to_pylist() if row["uuid"]
    }
    may_be_shown = facts if boxes is None else facts.keys() & boxes.keys()
    chosen = sorted(may_be_shown, key=lambda uuid: hashlib.md5(uuid.encode()).digest())[:most]
    for image in sorted(_read(table, chosen), key=lambda image: chosen.index(image["uuid"])):
        uuid = image["uuid"]
        try:
            pixels = open_stored(image["image"], row_sizes(image)).pixels
        except ImageError as error:
            log.warning("%s: %s is not shown: %s", table, uuid, error)
            continue
        height, width = pixels.shape[:2]
        yield {
            "uuid": uuid,
            "server": outcome.server,
            **{name: _given(facts[uuid][name]) for name in ("license", "title")},
            "url": mask_credentials(facts[uuid]["identifier"] or ""),
            "boxes": json.dumps((boxes or {}).get(uuid, [])),
            "width": width,
            "height": height,
            "picture": encode_jpeg(reduce(pixels, fit((height, width), LONGEST_SIDE)), QUALITY),
        }


def _boxes(collection: Collection, shown: list[Outcome]) -> Mapping[ShardId, Boxes] | None:
    """Boxes that are sure enough, of images without a person, by shard; None without detections."""
    table, least = collection.paths.detections_table, collection.output.settings.report.min_confidence
    if not table.exists():
        return None
    ids = [{"server_name": one.server, "partition_id": one.shard.partition} for one in shown]
    collection.connection.register("shown", pa.Table.from_pylist(ids, SHOWN))
    boxes = defaultdict[ShardId, dict[str, list[dict[str, Any]]]](lambda: defaultdict(list))
    persons = set()
    for row in collection.ask(BOXES.format(least=least * SUSPECTED), [table]):
        shard = ShardId(encode_server_name(row["server_name"]), row["partition_id"])
        if row["category"] == PERSON:
            persons.add((shard, row["uuid"]))
        elif row["confidence"] >= least:
            place = [round(number, 4) for number in row["box"]]
            box = {"category": row["category"], "confidence": round(row["confidence"], 3), "box": place}
            boxes[shard][row["uuid"]].append(box)
    for shard, uuid in persons:
        boxes[shard].pop(uuid, None)
    return boxes


def _read(table: Path, uuids: Sequence[str]) -> Iterator[dict[str, Any]]:
    if uuids:
        for group in row_groups(table.parent, table.name, pa.array(uuids)):
            for _, images in read_wanted(group):
                yield from images.to_pylist()


def _given(text: str | None) -> str:
    return "" if text in (None, NOT_PROVIDED) else str(text)
