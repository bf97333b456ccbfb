"""Where everything of a flow diagram lies: it runs down, and what leaves it turns off to the right, to its label.

Matplotlib's own Sankey puts labels over arrows, and has to be told where each arrow goes. Here every label has a row of
its own in one column, so that a diagram is read as a list, on a telephone too, and nothing lies over a label.

Lengths are in points (1/72 inch), x to the right and y down. A ribbon is as wide as `scale` times its rows at both
ends; a node is as wide as the larger of what comes in and what goes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["kept", "lost", "waiting"]

TRUNK = 88.0
"""Width of all that runs down side by side, with the gaps between it."""

GAP = 8.0
"""Between two nodes side by side, where there is room."""

BEND = 4.0
"""Radius of a turn's inner edge."""

ENDS = TRUNK + 3 * BEND
"""x where ribbons end that have turned off."""

ROW, AIR = 20.0, 3.0
"""Height of a label's row, and between two rows."""

MOST_ENDS = 8
"""Ribbons that turn off from one node; more are drawn as one."""

ORDER: tuple[Kind, ...] = ("lost", "waiting", "kept")
"""In which ribbons turn off, from the top."""


@dataclass(frozen=True)
class Arrow:
    """Rows that go from one node to another.

    Args:
        source: Where from.
        target: Where to.
        rows: How many.
        kind: What becomes of them there.
    """

    source: str
    target: str
    rows: int
    kind: Kind


@dataclass(frozen=True)
class Node:
    """A node that something runs through.

    Args:
        name: Of the node.
        rows: The larger of what comes in and what goes out.
        left: x of its left end.
        width: Of it.
        middle: y of it and of its label.
    """

    name: str
    rows: int
    left: float
    width: float
    middle: float


@dataclass(frozen=True)
class Ribbon:
    """An arrow as it is drawn.

    Args:
        arrow: What it is.
        width: Of the ribbon.
        start: x and y of the middle of its upper end.
        end: x and y of the middle of its other end.
        turns: Whether it turns off to the right, as nothing leaves its target; else it runs down into a node.
    """

    arrow: Arrow
    width: float
    start: tuple[float, float]
    end: tuple[float, float]
    turns: bool


@dataclass(frozen=True)
class Layout:
    """A whole diagram.

    Args:
        nodes: From the top down.
        ribbons: In the order in which they are drawn.
        height: Of all.
        scale: Points a row.
    """

    nodes: list[Node]
    ribbons: list[Ribbon]
    height: float
    scale: float


def lay_out(arrows: Sequence[Arrow]) -> Layout:
    """Place the nodes and ribbons of a flow.

    Args:
        arrows: Without cycles; those of no rows are left out, and two between the same nodes are one.
    """
    arrows = _fewer(_joined(arrows))
    ends = _ends(arrows)
    going = [arrow for arrow in arrows if arrow.target not in ends]
    layers = _layers(going, arrows)
    rows = {
        name: max(_rows(arrows, "source", name), _rows(arrows, "target", name)) for layer in layers for name in layer
    }
    gap = min(GAP, TRUNK / 2 / max(map(len, layers), default=1))
    scale = min(((TRUNK - gap * (len(layer) - 1)) / sum(rows[name] for name in layer) for layer in layers), default=0.0)
    return _Placing(arrows, ends, rows, scale, gap).run(layers)


class _Placing:
    """The diagram while it grows from the top down."""

    def __init__(self, arrows: list[Arrow], ends: set[str], rows: dict[str, int], scale: float, gap: float) -> None:
        self.rows, self.scale, self.ends, self.gap = rows, scale, ends, gap
        self.leaving = defaultdict(list)
        for arrow in arrows:
            self.leaving[arrow.source].append(arrow)
        self.nodes: dict[str, Node] = {}
        self.turned: list[Ribbon] = []
        self.starts: dict[Arrow, tuple[float, float]] = {}
        self.height = 0.0

    def run(self, layers: list[list[str]]) -> Layout:
        for layer in layers:
            for name, left in self._across(layer):
                middle = self._next_row(ROW)
                self.nodes[name] = Node(name, self.rows[name], left, self.rows[name] * self.scale, middle)
            for name in reversed(list(self.nodes)[-len(layer) :]):
                self._leave(self.nodes[name])
        return Layout(list(self.nodes.values()), [*self._running(), *self.turned], self.height, self.scale)

    def _next_row(self, height: float) -> float:
        """The middle of a new row below all others."""
        middle = self.height + height / 2
        self.height += height + AIR
        return middle

    def _across(self, layer: list[str]) -> list[tuple[str, float]]:
        """Each node's left end: below where its rows come from, as far as there is room."""
        above = {name: [self._left_of(arrow) for arrow in self.starts if arrow.target == name] for name in layer}
        # What comes from nowhere has its place at the right, beside what has come down.
        aside = TRUNK if any(above.values()) else 0.0
        wanted = {name: min(lefts, default=aside) for name, lefts in above.items()}
        order = sorted(layer, key=lambda name: (wanted[name], layer.index(name)))
        room = TRUNK - sum(self.rows[name] * self.scale + self.gap for name in order) + self.gap
        lefts, taken = [], 0.0
        for name in order:
            slack = min(max(wanted[name] - taken, 0.0), room)
            lefts.append(taken + slack)
            room -= slack
            taken += slack + self.rows[name] * self.scale + self.gap
        return list(zip(order, lefts, strict=True))

    def _left_of(self, arrow: Arrow) -> float:
        return self.starts[arrow][0] - arrow.rows * self.scale / 2

    def _leave(self, node: Node) -> None:
        """Let ribbons leave a node: what goes on at its left, what turns off at its right."""
        going = [arrow for arrow in self.leaving[node.name] if arrow.target not in self.ends]
        place = node.left
        for arrow in going:
            self.starts[arrow] = (place + arrow.rows * self.scale / 2, node.middle)
            place += arrow.rows * self.scale
        turning = [arrow for arrow in self.leaving[node.name] if arrow.target in self.ends]
        place = max(place, node.left + node.width - sum(arrow.rows for arrow in turning) * self.scale)
        place += sum(arrow.rows for arrow in turning) * self.scale
        for arrow in sorted(turning, key=lambda arrow: (ORDER.index(arrow.kind), -arrow.rows, arrow.target)):
            width = arrow.rows * self.scale
            end = (ENDS, self._next_row(max(ROW, width)))
            self.turned.append(Ribbon(arrow, width, (place - width / 2, node.middle), end, turns=True))
            place -= width

    def _running(self) -> Iterable[Ribbon]:
        """Ribbons from node to node; side by side where they come in, in the order of where they come from."""
        filled: dict[str, float] = defaultdict(float)
        for arrow, start in sorted(self.starts.items(), key=lambda item: item[1]):
            target, width = self.nodes[arrow.target], arrow.rows * self.scale
            end = (target.left + filled[arrow.target] + width / 2, target.middle)
            filled[arrow.target] += width
            yield Ribbon(arrow, width, start, end, turns=False)


def _joined(arrows: Iterable[Arrow]) -> list[Arrow]:
    sums: dict[tuple[str, str, Kind], int] = defaultdict(int)
    for arrow in arrows:
        sums[arrow.source, arrow.target, arrow.kind] += arrow.rows
    return [Arrow(source, target, rows, kind) for (source, target, kind), rows in sums.items() if rows > 0]


def _fewer(arrows: list[Arrow]) -> list[Arrow]:
    """Draw the smallest of many ribbons that turn off from one node as one."""
    ends = _ends(arrows)
    few = [arrow for arrow in arrows if arrow.target not in ends]
    for source in dict.fromkeys(arrow.source for arrow in arrows):
        turning = sorted(
            (arrow for arrow in arrows if arrow.source == source and arrow.target in ends),
            key=lambda arrow: -arrow.rows,
        )
        most = MOST_ENDS if len(turning) <= MOST_ENDS else MOST_ENDS - 1
        few += turning[:most]
        if rest := turning[most:]:
            kind = rest[0].kind if len({arrow.kind for arrow in rest}) == 1 else "kept"
            few.append(Arrow(source, f"{len(rest):,} others", sum(arrow.rows for arrow in rest), kind))
    return few


def _ends(arrows: Sequence[Arrow]) -> set[str]:
    """Nodes that nothing leaves: ribbons turn off to them, each to one of its own."""
    return {arrow.target for arrow in arrows} - {arrow.source for arrow in arrows}


def _layers(going: Sequence[Arrow], arrows: Sequence[Arrow]) -> list[list[str]]:
    """Nodes that something runs through, each below all that it comes from; what has no node in common, one by one."""
    names = list(dict.fromkeys([*(arrow.source for arrow in arrows), *(arrow.target for arrow in going)]))
    layers: list[list[str]] = []
    for part in _parts(names, going):
        depth = _depths(part, going)
        of_part: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
        for name in part:
            of_part[depth[name]].append(name)
        layers += of_part
    return layers


def _parts(names: Sequence[str], going: Sequence[Arrow]) -> list[list[str]]:
    """Nodes that hang together, in the order of the first of each part."""
    part_of = {name: name for name in names}
    for arrow in going:
        old, new = part_of[arrow.target], part_of[arrow.source]
        part_of = {name: new if part == old else part for name, part in part_of.items()}
    parts: dict[str, list[str]] = defaultdict(list)
    for name in names:
        parts[part_of[name]].append(name)
    return list(parts.values())


def _depths(names: Sequence[str], going: Sequence[Arrow]) -> dict[str, int]:
    """How far down each node is: below all that it comes from; what comes from nowhere is right above where it goes."""
    depth = dict.fromkeys(names, 0)
    within = [arrow for arrow in going if arrow.source in depth]
    for _ in names:
        for arrow in within:
            depth[arrow.target] = max(depth[arrow.target], depth[arrow.source] + 1)
    for name in names:
        below = [depth[arrow.target] for arrow in within if arrow.source == name]
        if below and all(arrow.target != name for arrow in within):
            depth[name] = min(below) - 1
    return depth


def _rows(arrows: Iterable[Arrow], end: Literal["source", "target"], name: str) -> int:
    return sum(arrow.rows for arrow in arrows if getattr(arrow, end) == name)
