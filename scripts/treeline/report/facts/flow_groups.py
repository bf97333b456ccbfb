"""The flow of groups: which images are in a group, and which of each group's were extracted."""

from __future__ import annotations

from collections.abc import Iterator

from treeline.io.csv_tables import read_csv_rows
from treeline.report.facts.arrows import Arrow, Node, split
from treeline.report.facts.collection import Collection
from treeline.report.facts.flow_images import LOOKUP, images_of, take
from treeline.settings import group_names

GROUPS = "groups"
"""Part of the flow: of the images of each group, which may be in several."""


def looked_up(collection: Collection) -> Iterator[Arrow]:
    """Arrows from the images to those that are in a group; each image counts once.

    Raises:
        InputError: A lookup table cannot be read.
    """
    settings, paths = collection.output.settings, collection.paths
    if "lookup" not in settings.stages and not paths.lookup_images.exists():
        return
    arrows: list[Arrow] = []
    stream = take(collection, images_of(collection, LOOKUP), settings.lookup, arrows)
    yield from arrows
    listed = collection.number("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [paths.lookup_images])
    yield from split(stream.node, "lookup", {"listed": listed}, {}, "not listed yet")
    groups = group_names(settings.lookup)
    batches = [
        paths.lookup_batch(group, row["group_id"])
        for group in groups
        for row in read_csv_rows(paths.lookup_manifest(group))
    ]
    grouped = collection.number("SELECT count(DISTINCT uuid) FROM read_parquet(?)", batches)
    all_made = all(paths.lookup_manifest(group).exists() for group in groups)
    none = {"in no group": max(0, listed - grouped)} if all_made else {}
    yield from split(Node(LOOKUP, "listed", listed), "lookup", {"in a group": grouped}, none, "not looked up yet")


def extracted(collection: Collection) -> Iterator[Arrow]:
    """Arrows from each group to its images that were extracted."""
    settings, paths = collection.output.settings, collection.paths
    for group in group_names(settings.lookup):
        asked = sum(int(row["rows"]) for row in read_csv_rows(paths.lookup_manifest(group)))
        report = list(read_csv_rows(paths.extracted(group) / "report.csv"))
        if "extract" not in settings.stages and not report:
            continue
        found, missing, duplicates = (
            sum(int(row[name]) for row in report) for name in ("found", "missing", "duplicates")
        )
        yield from split(
            Node(GROUPS, group, asked),
            "extract",
            {"extracted": found},
            {"missing": missing, "there twice": duplicates},
            "not extracted yet",
        )
