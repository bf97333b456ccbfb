"""The numbers at the top of the page: of the other tables, and so never at odds with them."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from treeline.io.table_sets import Tables
from treeline.report.facts.collection import Collection, Rows

BYTES, SECONDS, A_SECOND = "bytes", "s", "images/s"

REACHED = {
    "decoded": ("images", "decode", "decoded"),
    "nothing_detected": ("images", "detect", "nothing detected"),
    "in_a_group": ("lookup", "lookup", "in a group"),
    "extracted": ("groups", "extract", "extracted"),
}
"""Part, stage and target of arrows whose rows have come so far."""


def measure_summary(collection: Collection, tables: Tables) -> Rows:
    """Make the table `summary` of the others, which must have been made; of what there is not, there is no row."""
    return [{"key": key, "value": float(value), "unit": unit} for key, value, unit in _numbers(collection, tables)]


def _numbers(collection: Collection, tables: Tables) -> Iterator[tuple[str, float, str]]:
    flow, servers, politeness = tables["flow"], tables["servers"], tables["politeness"]
    yield "rows", _rows(flow, source="rows of the input"), ""
    yield "rejected", _rows(flow, source="rows of the input", kind="lost"), ""
    yield "servers", int((servers["rows"] > 0).sum()), ""
    yield "shards", len(collection.outcomes), ""
    yield "shards_downloaded", len(collection.downloaded), ""
    for column in ("images", "errors", "not_done"):
        yield column, servers[column].sum(), ""
    yield "requests", servers["requests"].sum(), ""
    yield "bytes_received", servers["bytes"].sum(), BYTES
    yield "bytes_on_disk", tables["disk"]["bytes"].sum(), BYTES
    yield from _speed(collection)
    yield "servers_within_limit", int((politeness["held"] == 1).sum()), ""
    yield "servers_beyond_limit", int((politeness["held"] == 0).sum()), ""
    yield "images_with_full_license", tables["licenses"]["full"].sum(), ""
    for key, (part, stage, target) in REACHED.items():
        if stage in set(flow["stage"]):
            yield key, _rows(flow, part=part, stage=stage, target=target), ""
    yield "boxes", tables["detections"]["boxes"].sum(), ""
    yield "datasets", tables["datasets"]["dataset"].nunique(), ""
    yield "runs", tables["models"]["run"].nunique(), ""


def _speed(collection: Collection) -> Iterator[tuple[str, float, str]]:
    """Over the seconds in which some server was asked."""
    [asked] = collection.rows("SELECT count(DISTINCT second) AS seconds, sum(images) AS images FROM seconds")
    yield "seconds_asked", asked["seconds"], SECONDS
    if asked["seconds"]:
        yield "images_per_second", asked["images"] / asked["seconds"], A_SECOND


def _rows(flow: pd.DataFrame, **columns: str) -> int:
    """Rows of the arrows that have these values."""
    for column, value in columns.items():
        flow = flow[flow[column] == value]
    return int(flow["rows"].sum())
