"""Which images a stage or tool takes: those that every tool of its `keep` keeps, and which tool drops the others."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.config_tools import Selection
from treeline.io.verdicts import DROP, KEEP
from treeline.report.facts.collection import Collection

SHARDS_AT_ONCE = 128
"""Verdicts of so many are put together by uuid: at 10,000 rows a shard some 300 MB."""

Counts = npt.NDArray[np.int64]
"""A number for each finished shard, in the order of the manifest."""

TAKEN = -1

# Of an image that no tool drops, and not all of those that count have looked at, the outcome is null.
COUNT = f"""
SELECT place, outcome, sum(rows)::BIGINT AS rows
FROM (
    SELECT
        place,
        if(
            count(DISTINCT tool) FILTER (counts AND verdict = '{KEEP}') = any_value(tools_that_count),
            {TAKEN},
            min(tool) FILTER (verdict = '{DROP}')
        ) AS outcome,
        count(*) // count(DISTINCT tool) AS rows
    FROM read_parquet(?, filename = true, hive_partitioning = false) JOIN listed USING (filename)
    GROUP BY place, uuid
)
WHERE outcome IS NOT NULL
GROUP BY ALL
"""


class Chosen(NamedTuple):
    """What a selection takes of some images.

    Args:
        taken: Images by shard; none of a shard that is still to be judged.
        is_judged: By shard, whether the verdicts of all tools that count are there.
        dropped: Images by the tool that drops them; by the first, where several do.
    """

    taken: Counts
    is_judged: npt.NDArray[np.bool_]
    dropped: Mapping[str, int]


def choose(collection: Collection, selection: Selection) -> Chosen:
    """Count what a selection takes of the finished shards' images, and what tools drop.

    Args:
        collection: The output folder.
        selection: Its `keep` counts, and that of the tools that it names.

    Raises:
        InputError: A table of verdicts cannot be read.
    """
    shards = [outcome.shard for outcome in collection.downloaded]
    tools = _judges(collection, selection)
    verdicts = pd.DataFrame(
        [
            (str(collection.paths.verdicts(name, *shard.id)), place, tool, name in selection.keep, len(selection.keep))
            for place, shard in enumerate(shards)
            for tool, name in enumerate(tools)
        ],
        columns=["filename", "place", "tool", "counts", "tools_that_count"],
    )
    verdicts = verdicts[[collection.has(file) for file in verdicts["filename"]]]
    there = verdicts[verdicts["counts"]]["place"].value_counts()
    is_judged = np.array([there.get(place, 0) == len(selection.keep) for place in range(len(shards))], bool)
    verdicts = verdicts[is_judged[verdicts["place"]]]
    taken, dropped = np.zeros(len(shards), np.int64), dict.fromkeys(tools, 0)
    for _, listed in verdicts.groupby(verdicts["place"] // SHARDS_AT_ONCE):
        collection.connection.register("listed", listed)
        for row in collection.ask(COUNT, map(Path, listed["filename"])):
            if row["outcome"] == TAKEN:
                taken[row["place"]] += row["rows"]
            else:
                dropped[tools[row["outcome"]]] += row["rows"]
    return Chosen(taken, is_judged, dropped)


def _judges(collection: Collection, selection: Selection) -> list[str]:
    """The tools whose verdicts decide, each after those that it waits for."""
    blocks = dict(collection.output.settings.tools_parameters.items())
    waits_for: dict[str, list[str]] = {}
    unseen = list(selection.keep)
    while unseen:
        tool = unseen.pop()
        if tool not in waits_for:
            waits_for[tool] = blocks[tool].keep
            unseen += blocks[tool].keep
    return list(TopologicalSorter(waits_for).static_order())
