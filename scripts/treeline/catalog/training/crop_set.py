"""A classifier's training set: what is in the boxes, cut out, with the label of its image."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from treeline.catalog.database import read_sql
from treeline.catalog.exports.rows import stream_rows
from treeline.catalog.training.choice import SPLITS, Choice, drop, new_set, reasons
from treeline.catalog.training.crop_splits import assign_splits, warn_of_gaps, write_shares, write_splits
from treeline.catalog.training.images import ImageSource, Outcome, load_located, locate, outcomes
from treeline.catalog.training.labels import stage_labels
from treeline.errors import ImageError
from treeline.io.encode import encode_jpeg
from treeline.io.image_sources import LoadedImage, Place, read_attribution
from treeline.io.images import decode
from treeline.io.regions import cut, region_of
from treeline.io.rolling_archive import RollingArchive

log = logging.getLogger(__name__)

TABLE = "crops.csv"
COLUMNS = ("path", "dataset", "location", "label", "confidence", "split")

PLANS = """
    SELECT
        id, dataset, file, location, split, license, rights_holder, label, crops, name, path, kind
    FROM located
    JOIN training_images USING (id)
    JOIN (
        SELECT
            id,
            any_value(label) AS label,
            list({number: number, category: category, bbox: bbox, conf: confidence} ORDER BY number) AS crops
        FROM training_crops
        GROUP BY id
    ) USING (id)
    ORDER BY "order"
"""


@dataclass(frozen=True)
class CropSetOptions:
    """How a set is made.

    Args:
        choice: Of which images and boxes.
        sources: Where the images are.
        labels: A specification (`labels.py`); None where each class is a label of its own.
        categories: Categories of boxes that are cut out.
        shares: Wanted shares of training, validation and testing, 1 in all.
        seed: Draws the crops of labels with a maximum, and places equal locations.
        margin: As in `region_of`.
        square: As in `region_of`.
        archive_crops: Most crops in an archive.
        jpeg_quality: 1 to 100.
        max_pixels: Largest height x width of an image that is decoded.
    """

    choice: Choice
    sources: Sequence[ImageSource]
    labels: Path | None
    categories: Sequence[str]
    shares: Sequence[float]
    seed: int
    margin: float
    square: bool
    archive_crops: int
    jpeg_quality: int
    max_pixels: int


class CropSet(NamedTuple):
    """What is in a set.

    Args:
        shares: Label, split, crops, share of the label's crops, locations.
        images: Images that crops are of.
        dropped: Images that are left out, by reason.
    """

    shares: list[tuple[str, str, int, float, int]]
    images: int
    dropped: dict[str, int]


class Plan(NamedTuple):
    """What is cut out of an image: a row of `PLANS`."""

    id: int
    dataset: str
    file: str
    location: str | None
    split: str
    license: str | None
    rights_holder: str | None
    label: str
    crops: list[dict[str, Any]]
    name: str
    place: Place


def make_crop_set(catalog: Path, output: Path, options: CropSetOptions, *, memory_mb: int, threads: int) -> CropSet:
    """Write crops into `<split>-00000.tar`, ..., with `crops.csv`, `shares.csv`, `splits.json` and `dropped.csv`.

    Args:
        catalog: The database.
        output: Folder; replaced as a whole, or not at all.
        options: How.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        CatalogError: The catalogue cannot be opened.
        InputError: The lookup table or the labels are refused, an image is in two places, or `output` holds other
            things.
        ShardError: An archive of images is damaged.
    """
    limits = {"memory_mb": memory_mb, "threads": threads}
    with new_set(catalog, output, TABLE, options.choice, **limits) as (connection, folder):
        stage_labels(connection, options.labels)
        _drop(connection, options)
        locate(connection, options.sources, output)
        connection.execute(read_sql("training/crops.sql"))
        drop(connection, "beyond the maximum of its label", "id NOT IN (SELECT id FROM training_crops)")
        assign_splits(connection, options.shares, options.seed)
        with outcomes(connection, folder) as add:
            for outcome in _write(connection, folder, options):
                add(outcome)
        write_shares(connection, folder)
        write_splits(connection, folder)
        warn_of_gaps(connection, options.shares)
        made = _made(connection)
    log.info("%s: crops of %d images", output, made.images)
    return made


def _drop(connection: duckdb.DuckDBPyConnection, options: CropSetOptions) -> None:
    connection.execute("SET VARIABLE categories = ?::VARCHAR[]", [list(options.categories)])
    connection.execute("SET VARIABLE seed = ?::VARCHAR", [str(options.seed)])
    drop(connection, "no label", "coalesce(len(labels), 0) = 0")
    drop(connection, "several labels", "len(labels) > 1")
    drop(
        connection, "of no label of the set", "(dataset, labels[1]) NOT IN (SELECT (dataset, class) FROM label_classes)"
    )
    cut_out = "SELECT id FROM training_boxes WHERE list_contains(getvariable('categories'), category)"
    drop(connection, "no box to cut out", f"id NOT IN ({cut_out})")


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, options: CropSetOptions) -> Iterator[Outcome]:
    with ExitStack() as stack:
        archives = {
            split: stack.enter_context(RollingArchive(folder, split, options.archive_crops)) for split in SPLITS
        }
        table = stack.enter_context((folder / TABLE).open("w", encoding="utf-8", newline=""))
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(COLUMNS)
        for plan, image in load_located(_plans(connection)):
            try:
                samples = list(_samples(plan, image, options))
            except ImageError as error:
                yield Outcome(plan.id, None, None, f"cannot be read: {error}")
                continue
            for key, confidence, members in samples:
                path = f"{archives[plan.split].add(key, members)}/{key}.jpg"
                rows.writerow((path, plan.dataset, plan.location, plan.label, confidence, plan.split))


def _plans(connection: duckdb.DuckDBPyConnection) -> Iterator[Plan]:
    for *facts, path, kind in stream_rows(connection, PLANS):
        yield Plan._make([*facts, Place(path, kind)])


def _samples(plan: Plan, image: LoadedImage, options: CropSetOptions) -> Iterator[tuple[str, float, dict[str, bytes]]]:
    """Cut all crops out of an image: key, confidence and members by ending.

    Raises:
        ImageError: It cannot be decoded, or a crop is too large for a JPEG.
    """
    pixels = decode(image.data, max_pixels=options.max_pixels)
    size = pixels.shape[0], pixels.shape[1]
    # Names come from anywhere; a hash is a name that every archive and file system takes, and that stays.
    key = hashlib.md5(f"{plan.dataset}/{plan.file}".encode(), usedforsecurity=False).hexdigest()
    facts = ("dataset", "file", "location", "split", "label", "license", "rights_holder")
    for crop in plan.crops:
        region = region_of(crop["bbox"], size, margin=options.margin, square=options.square)
        found = {name: value for name, value in crop.items() if name != "number"}
        content = {name: getattr(plan, name) for name in facts}
        content |= {"detection": found, "pixels": region._asdict(), "source": read_attribution(image)}
        members = {
            ".jpg": encode_jpeg(cut(pixels, region), options.jpeg_quality),
            ".json": json.dumps(content, ensure_ascii=False).encode(),
        }
        yield f"{key}-{crop['number']:03d}", crop["conf"], members


def _made(connection: duckdb.DuckDBPyConnection) -> CropSet:
    shares = connection.execute("SELECT * FROM crop_shares ORDER BY label, list_position(?, split)", [list(SPLITS)])
    rows = shares.fetchall()
    [(images,)] = connection.execute("SELECT count(*) FROM training_images WHERE dropped IS NULL").fetchall()
    return CropSet(rows, images, reasons(connection))
