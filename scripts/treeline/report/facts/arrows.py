"""Arrows of the flow: what a row of the table `flow` is, and how arrows out of a node are made to add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

EARLIER = "made before the last change"
"""Node of rows that a later stage still has and an earlier one has no more: it was redone, and they are yet to be."""

Kind = Literal["kept", "lost", "waiting"]


class Arrow(NamedTuple):
    """Rows that went from one node to another: a row of the table `flow`."""

    part: str
    stage: str
    source: str
    target: str
    kind: Kind
    rows: int


class Node(NamedTuple):
    """Where arrows meet.

    Args:
        part: Of the flow.
        name: Its own.
        rows: That it holds.
    """

    part: str
    name: str
    rows: int


def split(node: Node, stage: str, kept: Mapping[str, int], lost: Mapping[str, int], waiting: str) -> Iterator[Arrow]:
    """Give the arrows out of a node.

    Args:
        node: Whose rows they are.
        stage: That divides them.
        kept: Rows by the name of the node that they go to.
        lost: Rows by what became of them.
        waiting: What is said of the rows that are neither.

    Yields:
        Those of some rows; together they have the node's. Where the stage has more, from an earlier time, so many come
        to the node by an arrow of their own.
    """
    rest = node.rows - sum(kept.values()) - sum(lost.values())
    if rest < 0:
        yield Arrow(node.part, stage, EARLIER, node.name, "kept", -rest)
    ends: list[tuple[Kind, Mapping[str, int]]] = [("kept", kept), ("lost", lost), ("waiting", {waiting: rest})]
    for kind, rows_of in ends:
        for target, rows in rows_of.items():
            if rows > 0:
                yield Arrow(node.part, stage, node.name, target, kind, rows)
