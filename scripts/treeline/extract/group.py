"""What concerns all batches of a group: their list, and one report over them."""

from __future__ import annotations

import csv
import shutil
from dataclasses import astuple
from pathlib import Path

from treeline.errors import InputError
from treeline.extract.reports import Counts
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.schemas import MANIFEST_OF_LOOKUP


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
