"""What concerns all batches of a group: their list, and one report over them."""

from __future__ import annotations

import csv
import logging
import shutil
from dataclasses import astuple
from functools import partial
from pathlib import Path

from treeline.errors import InputError
from treeline.extract.reports import Counts
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.schemas import MANIFEST_OF_LOOKUP

CREDITS = ("credits.csv", "credits.md")
UNLICENSED = "unlicensed.csv"

logger = logging.getLogger(__name__)


def read_group_ids(manifest: Path) -> dict[int, int]:
    """Read the numbers of a group's lookup batches, and the rows of each.

    Raises:
        InputError: The file is no manifest of a lookup group.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        if table.fieldnames != MANIFEST_OF_LOOKUP.names:
            raise InputError(manifest, "is not the manifest of a lookup group.", fix="Delete it and run lookup.")
        return {int(row["group_id"]): int(row["rows"]) for row in table}


def report_group(manifest: Path, folder: Path, target: Path) -> None:
    """Write one report of all batches of a group, and remove the folders of batches that there are no more.

    Args:
        manifest: The group's lookup manifest.
        folder: Folder of the group's extracted batches.
        target: CSV: group_id and the counts, a row for each batch.

    Raises:
        InputError: A batch's report is missing, or does not account for the rows of its lookup table.
    """
    batches = read_group_ids(manifest)
    rows_of_report = []
    for group_id, rows in batches.items():
        report = folder / f"group_id={group_id}.report.csv"
        counts = Counts.read(report)
        if not counts.asked == rows == counts.found + counts.missing + counts.duplicates:
            raise InputError(report, f"does not account for the batch's {rows} rows: {counts}.", fix="Delete it.")
        rows_of_report.append((group_id, *astuple(counts)))
    for stale in folder.glob("group_id=*"):
        if int(stale.name.removeprefix("group_id=").split(".")[0]) not in batches:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    write_text(target, csv_text(("group_id", *Counts.columns()), rows_of_report))


def credit_group(manifest: Path, folder: Path, root: Path, urls: Path, *, memory_mb: int, threads: int) -> None:
    """Write `CREDITS` and `UNLICENSED` into a group's folder: whose its images are, and which lack what a credit needs.

    Args:
        manifest: The group's lookup manifest.
        folder: Folder of the group's extracted batches.
        root: Folder that the paths of the lookup table start from.
        urls: Folder of the URL batches.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Raises:
        InputError: A batch of URLs or of images cannot be read.
    """
    from treeline.io.credits.subsets import stage_tables
    from treeline.io.credits.write import write_credits

    batches = [folder / f"group_id={group_id}" for group_id in read_group_ids(manifest)]
    parts = [part for batch in batches for part in sorted(batch.glob("part-*.parquet"))]
    counts = write_credits(
        partial(stage_tables, files=parts, what=folder),
        root,
        urls,
        [folder / name for name in CREDITS],
        folder / UNLICENSED,
        memory_mb=memory_mb,
        threads=threads,
    )
    logger.info("%s: %d of %d images can be published with full credit", folder, counts.complete, counts.images)
