"""Which images a stage or tool takes: those that every tool of its `keep` keeps, and which tool drops the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from treeline.config_tools import Selection
from treeline.io.verdicts import DROP, KEEP
from treeline.report.facts.collection import Collection

SHARDS_AT_ONCE = 128
"""Verdicts of so many are put together by uuid: at 10,000 rows a shard some 300 MB."""

Counts = npt.NDArray[np.int64]
"""A number for each finished shard, in the order of the manifest."""

TAKEN = -1
"""Outcome of an image that is taken; of one that is dropped, it is the number of the tool."""

# Of an image that no tool drops, and not all of those that count have looked at, the outcome is null.
COUNT = f"""
SELECT place, outcome, sum(rows)::BIGINT AS rows
FROM (
    SELECT
        place,
        if(
            count(DISTINCT tool) FILTER (counts AND verdict = '{KEEP}') = {{tools_that_count}},
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
    files = [{tool: collection.paths.verdicts(tool, *shard.id) for tool in tools} for shard in shards]
    there = [{tool: file for tool, file in of_shard.items() if collection.has(file)} for of_shard in files]
    is_judged = np.array([of_shard.keys() >= {*selection.keep} for of_shard in there], bool)
    taken, dropped = np.zeros(len(shards), np.int64), [0] * len(tools)
    judged = np.flatnonzero(is_judged)
    for start in range(0, len(judged), SHARDS_AT_ONCE):
        listed = [
            {"filename": str(file), "place": place, "tool": tools.index(tool), "counts": tool in selection.keep}
            for place in judged[start : start + SHARDS_AT_ONCE]
            for tool, file in there[place].items()
        ]
        collection.connection.register("listed", pa.Table.from_pylist(listed))
        query = COUNT.format(tools_that_count=len(selection.keep))
        for row in collection.ask(query, [Path(one["filename"]) for one in listed]):
            if row["outcome"] == TAKEN:
                taken[row["place"]] += row["rows"]
            else:
                dropped[row["outcome"]] += row["rows"]
    return Chosen(taken, is_judged, dict(zip(tools, dropped, strict=True)))


def _judges(collection: Collection, selection: Selection) -> list[str]:
    """The tools whose verdicts decide, in the order of `keep`, each after those that it waits for."""
    blocks = dict(collection.output.settings.tools_parameters.items())
    judges: list[str] = []

    def add(tools: list[str]) -> None:
        for tool in tools:
            add(blocks[tool].keep)
            if tool not in judges:
                judges.append(tool)

    add(selection.keep)
    return judges
