"""Have a tool judge the images of one shard."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from treeline.io.parquet import open_shard, parquet_writer
from treeline.io.verdicts import DROP, KEEP, stream_kept_rows
from treeline.schemas import VERDICTS

log = logging.getLogger(__name__)

ROW_GROUP_ROWS = 10_000


class Verdict(NamedTuple):
    """What a tool says of an image.

    Args:
        verdict: `keep` or `drop`.
        value: The number that it rests on, if any.
        reason: Why it is `drop`.
    """

    verdict: str
    value: float | None = None
    reason: str | None = None


def keep(value: float | None = None) -> Verdict:
    """Keep an image."""
    return Verdict(KEEP, value)


def drop(reason: str, value: float | None = None) -> Verdict:
    """Drop an image, and say why."""
    return Verdict(DROP, value, reason)


class Judge(NamedTuple):
    """A tool that judges.

    Args:
        columns: Those of a shard that it reads.
        judge: Gives a verdict for each row of a batch, in its order.
    """

    columns: Sequence[str]
    judge: Callable[[pa.RecordBatch], Iterable[Verdict]]


def judge_shard(successes: Path, kept_by: Sequence[Path], judge: Judge, target: Path) -> Counter[str]:
    """Write a verdict for each image of a shard.

    Args:
        successes: The shard.
        kept_by: Verdicts of other tools: what they drop is not looked at.
        judge: The tool.
        target: Parquet of `schemas.VERDICTS`, in the shard's order.

    Returns:
        How often each verdict was given.

    Raises:
        ShardError: The shard, or a table of verdicts, cannot be read.
    """
    columns = list(dict.fromkeys(("uuid", *judge.columns)))
    with open_shard(successes, columns):
        pass
    counts: Counter[str] = Counter()
    with parquet_writer(target, VERDICTS) as writer:
        rows: list[dict[str, object]] = []
        for uuid, verdict in _judged(stream_kept_rows(successes, columns, kept_by), judge):
            counts[verdict.verdict] += 1
            rows.append({"uuid": uuid, **verdict._asdict()})
            if len(rows) == ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_pylist(rows, VERDICTS))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, VERDICTS))
    log.info("%s: %d kept, %d dropped", target, counts[KEEP], counts[DROP])
    return counts


def _judged(batches: Iterator[pa.RecordBatch], judge: Judge) -> Iterator[tuple[str, Verdict]]:
    for batch in batches:
        yield from zip(batch["uuid"].to_pylist(), judge.judge(batch), strict=True)
