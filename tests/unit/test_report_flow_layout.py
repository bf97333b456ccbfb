"""A flow diagram's ribbons keep their width, and neither nodes nor labels lie on each other."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.report.figures.flow_layout import (
    ENDS,
    GAP,
    MOST_ENDS,
    ROW,
    TRUNK,
    Arrow,
    Layout,
    Node,
    Ribbon,
    lay_out,
)

NEAR = 1e-6
ROWS = st.integers(0, 200_000_000)
KINDS = st.sampled_from(("kept", "lost", "waiting"))


@st.composite
def flows(draw: st.DrawFn) -> list[Arrow]:
    """Arrows from any node to any later one, so that there is no cycle."""
    names = [f"node {place}" for place in range(draw(st.integers(2, 24)))]
    pairs = st.tuples(st.integers(0, len(names) - 2), st.integers(1, len(names) - 1)).map(sorted)
    arrows = []
    for first, second in draw(st.lists(pairs.filter(lambda pair: pair[0] != pair[1]), max_size=30)):
        arrows.append(Arrow(names[first], names[second], draw(ROWS), draw(KINDS)))
    return arrows


@given(flows())
def test_a_ribbon_is_as_wide_as_its_rows_and_lies_within_its_nodes(arrows: list[Arrow]) -> None:
    layout = lay_out(arrows)
    nodes = {node.name: node for node in layout.nodes}
    for ribbon in layout.ribbons:
        assert ribbon.width == pytest.approx(ribbon.arrow.rows * layout.scale)
        assert ribbon.start[1] == nodes[ribbon.arrow.source].middle < ribbon.end[1]
        _check_within(nodes[ribbon.arrow.source], ribbon.start[0], ribbon.width)
        if ribbon.turns:
            assert ribbon.end[0] == ENDS
        else:
            assert ribbon.end[1] == nodes[ribbon.arrow.target].middle
            _check_within(nodes[ribbon.arrow.target], ribbon.end[0], ribbon.width)


@given(flows())
def test_ribbons_lie_side_by_side_where_they_leave_and_come_in(arrows: list[Arrow]) -> None:
    at: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for ribbon in lay_out(arrows).ribbons:
        at["out", ribbon.arrow.source].append(_span(ribbon.start[0], ribbon.width))
        if not ribbon.turns:
            at["in", ribbon.arrow.target].append(_span(ribbon.end[0], ribbon.width))
    for spans in at.values():
        assert all(right <= left + NEAR for (_, right), (left, _) in pairwise(sorted(spans)))


@given(flows())
def test_nothing_lies_on_anything_else(arrows: list[Arrow]) -> None:
    layout = lay_out(arrows)
    rows = sorted(_label_rows(layout))
    assert all(bottom <= top for (_, bottom), (top, _) in pairwise(rows))
    assert not rows or (rows[0][0] >= 0 and rows[-1][1] <= layout.height)
    for node in layout.nodes:
        assert node.left >= -NEAR and node.left + node.width <= TRUNK + NEAR
    turned = [ribbon for ribbon in layout.ribbons if ribbon.turns]
    for one, other in combinations(turned, 2):
        first, second = _span(one.end[1], one.width), _span(other.end[1], other.width)
        assert first[1] <= second[0] + NEAR or second[1] <= first[0] + NEAR


@given(flows())
def test_every_row_is_drawn(arrows: list[Arrow]) -> None:
    layout = lay_out(arrows)
    drawn = sum(ribbon.arrow.rows for ribbon in layout.ribbons)
    assert drawn == sum(arrow.rows for arrow in arrows)
    for node in layout.nodes:
        assert node.rows > 0 and node.width == pytest.approx(node.rows * layout.scale)


@given(flows())
def test_what_turns_off_from_a_node_does_not_cross(arrows: list[Arrow]) -> None:
    by_source: dict[str, list[Ribbon]] = defaultdict(list)
    for ribbon in lay_out(arrows).ribbons:
        by_source[ribbon.arrow.source].append(ribbon)
    for ribbons in by_source.values():
        turned = sorted((ribbon for ribbon in ribbons if ribbon.turns), key=lambda ribbon: ribbon.end[1])
        assert all(upper.start[0] >= lower.start[0] for upper, lower in pairwise(turned))
        running = [ribbon for ribbon in ribbons if not ribbon.turns]
        assert all(one.start[0] <= other.start[0] + NEAR for one in running for other in turned)


def test_the_trunk_runs_straight_down() -> None:
    arrows = [("a", "b", 90, "kept"), ("a", "x", 10, "lost"), ("b", "c", 80, "kept"), ("c", "d", 80, "kept")]
    layout = lay_out([Arrow(*arrow) for arrow in arrows])
    assert [(node.name, node.left, round(node.width / TRUNK, 6)) for node in layout.nodes] == [
        ("a", 0.0, 1.0),
        ("b", 0.0, 0.9),
        ("c", 0.0, 0.8),
    ]
    straight = [ribbon for ribbon in layout.ribbons if not ribbon.turns]
    assert len(straight) == 2
    assert all(ribbon.start[0] == pytest.approx(ribbon.end[0]) for ribbon in straight)


def test_what_has_no_node_in_common_is_drawn_one_below_the_other() -> None:
    layout = lay_out([Arrow("birds", "extracted", 9, "kept"), Arrow("bees", "extracted", 5, "kept")])
    assert [(node.name, node.left) for node in layout.nodes] == [("birds", 0.0), ("bees", 0.0)]
    ends = [ribbon.end[1] for ribbon in layout.ribbons]
    assert layout.nodes[0].middle < ends[0] < layout.nodes[1].middle < ends[1]


def test_what_comes_in_later_comes_in_from_the_right() -> None:
    layout = lay_out([Arrow(*pair, 9, "kept") for pair in ("ab", "bc", "cd", "xc")])
    assert [node.name for node in layout.nodes] == ["a", "b", "x", "c"]
    beside = {node.name: node for node in layout.nodes}
    assert beside["x"].left > beside["b"].left + beside["b"].width


def test_of_many_that_turn_off_the_smallest_are_one() -> None:
    arrows = [Arrow("a", f"reason {rows}", rows, "lost") for rows in range(1, 31)]
    layout = lay_out(arrows)
    assert len(layout.ribbons) == MOST_ENDS
    shown = {ribbon.arrow.target: ribbon.arrow.rows for ribbon in layout.ribbons}
    assert shown[f"{31 - MOST_ENDS} others"] == sum(range(1, 32 - MOST_ENDS))
    assert shown["reason 30"] == 30


def test_nothing_makes_no_diagram() -> None:
    assert lay_out([]) == lay_out([Arrow("a", "b", 0, "kept")]) == Layout([], [], 0.0, 0.0)


def test_nodes_side_by_side_are_apart() -> None:
    arrows = (
        [Arrow("a", name, 10, "kept") for name in "bcd"]
        + [Arrow(name, "e", 10, "kept") for name in "bcd"]
        + [Arrow("e", "f", 10, "kept")]
    )
    nodes = [node for node in lay_out(arrows).nodes if node.name in "bcd"]
    assert all(other.left - one.left - one.width >= GAP - NEAR for one, other in pairwise(nodes))


def test_many_nodes_side_by_side_have_room() -> None:
    arrows = [Arrow("a", f"b{n}", n, "kept") for n in range(1, 61)] + [
        Arrow(f"b{n}", "c", n, "kept") for n in range(1, 61)
    ]
    layout = lay_out(arrows)
    assert layout.scale > 0
    assert max(node.left + node.width for node in layout.nodes) <= TRUNK + NEAR


def _check_within(node: Node, middle: float, width: float) -> None:
    left, right = _span(middle, width)
    assert left >= node.left - NEAR and right <= node.left + node.width + NEAR


def _span(middle: float, width: float) -> tuple[float, float]:
    return middle - width / 2, middle + width / 2


def _label_rows(layout: Layout) -> list[tuple[float, float]]:
    """Top and bottom of each label, and of the ribbon beside it."""
    nodes = [_span(node.middle, ROW) for node in layout.nodes]
    return nodes + [_span(ribbon.end[1], max(ROW, ribbon.width)) for ribbon in layout.ribbons if ribbon.turns]
