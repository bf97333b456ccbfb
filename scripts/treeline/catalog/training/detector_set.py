"""A detector's training set: whole images with their boxes, as COCO and as YOLO datasets.

MegaDB's rules: an image with a box around a group is left out, because the animals in it have no boxes of their own;
one that was looked at and has no boxes stays, as an example of nothing; one that nobody looked at does not belong here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb

from treeline.catalog.exports import coco, yolo
from treeline.catalog.training.choice import SPLITS, Choice, check_splits, drop, new_set, reasons
from treeline.catalog.training.images import (
    ImageSource,
    Located,
    Outcome,
    load_located,
    locate,
    outcomes,
    read_size,
    stream_located,
)
from treeline.errors import ImageError, InputError
from treeline.io.atomic import link_or_copy_into

log = logging.getLogger(__name__)

Placement = Literal["link", "copy", "none"]
"""What becomes of the images: hard links (copies where there can be none), copies, or nothing."""

RULES = (
    ("never annotated", "NOT annotated AND image NOT IN (SELECT image FROM boxes)"),
    ("a box around a group", "image IN (SELECT image FROM boxes WHERE category = 'group')"),
    (
        "a detector's boxes alone, none of them certain enough",
        "NOT annotated AND image IN (SELECT image FROM boxes) AND id NOT IN (SELECT id FROM training_boxes)",
    ),
    ("a box of no size", "id IN (SELECT id FROM training_boxes WHERE width <= 0 OR height <= 0)"),
)
"""Reasons why an image is left out, each with its condition."""

UNREAD = {
    "link": "width > 0 AND height > 0 AND kind = 'file'",
    "copy": "false",
    "none": "width > 0 AND height > 0",
}
"""Which images need not be read, by what becomes of them."""

UNKNOWN_SIZE = "its width and height are unknown"


@dataclass(frozen=True)
class DetectorSetOptions:
    """How a set is made.

    Args:
        choice: Of which images and boxes.
        sources: Where the images are.
        placement: What becomes of them.
    """

    choice: Choice
    sources: Sequence[ImageSource]
    placement: Placement


class DetectorSet(NamedTuple):
    """What is in a set.

    Args:
        splits: By split: images, those without boxes, boxes.
        dropped: Images that are left out, by reason.
    """

    splits: dict[str, tuple[int, int, int]]
    dropped: dict[str, int]


def make_detector_set(
    catalog: Path, output: Path, options: DetectorSetOptions, *, memory_mb: int, threads: int
) -> DetectorSet:
    """Write `images/`, `labels/` with `data.yaml` (YOLO), `annotations/` (COCO) and `dropped.csv`.

    Args:
        catalog: The database.
        output: Folder; replaced as a whole, or not at all.
        options: How.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        CatalogError: The catalogue cannot be opened.
        InputError: The lookup table is refused, a data set was never split, an image is in two places, two images would
            share a file of labels, or `output` holds other things.
        ShardError: An archive of images is damaged.
    """
    if options.placement != "none" and not options.sources:
        raise InputError(output, "has no images to link or copy.", fix="Give --images, or --placement none.")
    limits = {"memory_mb": memory_mb, "threads": threads}
    with new_set(catalog, output, "data.yaml", options.choice, **limits) as (connection, folder):
        for reason, condition in RULES:
            drop(connection, reason, condition)
        check_splits(connection)
        if options.sources:
            locate(connection, options.sources, output)
            with outcomes(connection, folder) as add:
                for outcome in _place_all(connection, folder / "images", options.placement):
                    add(outcome)
        drop(connection, UNKNOWN_SIZE, "width IS NULL OR height IS NULL")
        coco.write(connection, folder)
        yolo.write(connection, folder)
        made = DetectorSet(_count(connection), reasons(connection))
    log.info("%s: %d images", output, sum(images for images, _, _ in made.splits.values()))
    return made


def _place_all(connection: duckdb.DuckDBPyConnection, images: Path, placement: Placement) -> Iterator[Outcome]:
    """Put the images where the set wants them, and tell their sizes."""
    unread = UNREAD[placement]
    for located in stream_located(connection, unread):
        _place(located, None, images, placement)
    for located, image in load_located(stream_located(connection, f"NOT coalesce({unread}, false)")):
        try:
            width, height = read_size(image.data)
        except ImageError as error:
            yield Outcome(located.id, None, None, f"cannot be read: {error}")
        else:
            _place(located, image.data, images, placement)
            yield Outcome(located.id, width, height, None)


def _place(located: Located, data: bytes | None, images: Path, placement: Placement) -> None:
    if placement == "none":
        return
    target = images / located.dataset / located.file
    target.parent.mkdir(parents=True, exist_ok=True)
    if data is None or (placement == "link" and located.place.kind == "file"):
        link_or_copy_into(located.place.path, target)
    else:
        target.write_bytes(data)


def _count(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int, int]]:
    rows = connection.execute("""
        SELECT split, count(*), count_if(boxes IS NULL), coalesce(sum(boxes), 0)::BIGINT
        FROM training_images
        LEFT JOIN (SELECT id, count(*) AS boxes FROM training_boxes GROUP BY id) USING (id)
        WHERE dropped IS NULL
        GROUP BY split
    """).fetchall()
    counted = {split: (images, empty, boxes) for split, images, empty, boxes in rows}
    return {split: counted.get(split, (0, 0, 0)) for split in SPLITS}
