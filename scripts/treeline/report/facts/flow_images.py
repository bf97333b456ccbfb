"""The flow of images: from the rows of the input to what is downloaded, taken, decoded and seen by the detector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from treeline.config_tools import ImageMaker, Selection
from treeline.io.csv_tables import read_csv_rows
from treeline.report.facts.arrows import Arrow, Node, split
from treeline.report.facts.collection import Collection, read_footer
from treeline.report.facts.detected import Seen
from treeline.report.facts.selections import Counts, choose

IMAGES, LOOKUP = "images", "lookup"
"""Parts of the flow: of images up to the detector, and of images up to a lookup table."""


class Stream(NamedTuple):
    """Images at a node, by finished shard.

    Args:
        part: Of the flow.
        name: The node's.
        images: In each shard.
        is_known: Of each shard, whether all that comes before this node is done.
    """

    part: str
    name: str
    images: Counts
    is_known: npt.NDArray[np.bool_]

    @property
    def node(self) -> Node:
        """All of its images."""
        return Node(self.part, self.name, int(self.images.sum()))


def downloads(collection: Collection) -> Iterator[Arrow]:
    """Arrows from the rows of the input to the images."""
    reasons = collection.ask(
        "SELECT reason, count(*) AS rows FROM read_parquet(?) GROUP BY ALL ORDER BY rows DESC, reason",
        [collection.paths.rejected],
    )
    rejected = {f"rejected: {row['reason']}": row["rows"] for row in reasons}
    outcomes = collection.outcomes
    batched = sum(outcome.shard.rows for outcome in outcomes)
    table = Node(IMAGES, "rows of the input", batched + sum(rejected.values()))
    yield from split(table, "urls", {"batched": batched}, rejected, "")
    yield from split(
        Node(IMAGES, "batched", batched),
        "download",
        {"images": sum(outcome.images for outcome in outcomes)},
        {
            "errors": sum(outcome.errors for outcome in outcomes),
            "of an ignored server": sum(outcome.shard.rows for outcome in outcomes if outcome.state == "ignored"),
        },
        "not downloaded yet",
    )


def images_of(collection: Collection, part: str) -> Stream:
    """The downloaded images, where a part begins."""
    images = np.array([outcome.images for outcome in collection.downloaded], np.int64)
    return Stream(part, "images", images, np.ones(len(images), bool))


def take(collection: Collection, stream: Stream, selection: Selection, arrows: list[Arrow]) -> Stream:
    """Follow downloaded images to those that a stage or tool takes.

    Args:
        collection: The output folder.
        stream: The downloaded images.
        selection: What is taken.
        arrows: Gets those on the way.

    Returns:
        The images that are taken.

    Raises:
        InputError: A tool's table cannot be read.
    """
    if selection.images_from != "images":
        stream = _remade(collection, stream, selection.images_from, arrows)
    if not selection.keep:
        return stream
    chosen = choose(collection, selection)
    is_known = stream.is_known & chosen.is_judged
    taken = np.where(is_known, chosen.taken, 0)
    lost = {f"dropped by {tool}": count for tool, count in chosen.dropped.items()}
    known = int(stream.images[is_known].sum())
    lost["not judged"] = max(0, known - int(taken.sum()) - sum(lost.values()))
    kept = Stream(stream.part, "kept", taken, is_known)
    arrows += split(stream.node, "tools", {"kept": kept.node.rows}, lost, "not judged yet")
    return kept


def decoded(collection: Collection, seen: Seen) -> Iterator[Arrow]:
    """Arrows from the images to the decoded ones, and to what the detector has seen in them."""
    arrows: list[Arrow] = []
    settings = collection.output.settings
    stream = take(collection, images_of(collection, IMAGES), settings.decode, arrows)
    shards = [outcome.shard for outcome in collection.downloaded]
    archives = [collection.paths.decoded_shard(*shard.id, settings.decode.archive) for shard in shards]
    is_decoded = stream.is_known & np.array([collection.has(archive) for archive in archives], bool)
    reports = [collection.paths.undecodable(*shards[place].id) for place in np.flatnonzero(is_decoded)]
    undecodable = sum(1 for report in reports for _ in read_csv_rows(report))
    if "decode" not in settings.stages and not is_decoded.any():
        return
    yield from arrows
    images = int(stream.images[is_decoded].sum()) - undecodable
    yield from split(stream.node, "decode", {"decoded": images}, {"undecodable": undecodable}, "not decoded yet")
    if "detect" in settings.stages or seen.total:
        found = {**dict(sorted(seen.images.items())), "nothing detected": seen.empty}
        lost = {"not readable for the detector": seen.failed}
        yield from split(Node(stream.part, "decoded", images), "detect", found, lost, "not looked at yet")


def _remade(collection: Collection, stream: Stream, tool: ImageMaker, arrows: list[Arrow]) -> Stream:
    """Follow images to those that a tool has made of them; crops are other images, and so another part."""
    blocks = dict(collection.output.settings.tools_parameters.items())
    stream = take(collection, stream, blocks[tool], arrows)
    tables = [collection.paths.shard_images(tool, *outcome.shard.id) for outcome in collection.downloaded]
    is_made = stream.is_known & np.array([collection.has(table) for table in tables], bool)
    made, failed = np.zeros(len(tables), np.int64), 0
    for place in np.flatnonzero(is_made):
        made[place] = read_footer(tables[place]).num_rows
        failed += read_footer(tables[place].with_name("errors.parquet")).num_rows
    worked_on = int(stream.images[is_made].sum())
    name = f"made by {tool}"
    lost = {f"not readable for {tool}": failed}
    arrows += split(stream.node, "tools", {name: worked_on - failed}, lost, f"not yet {name}")
    part = f"{stream.part}, cropped" if tool == "crop_to_boxes" else stream.part
    return Stream(part, name, made, is_made)
