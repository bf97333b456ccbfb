"""Where the rows of the input go: a diagram for each part of the flow."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from treeline.io.figures.drawing import Drawing, Listing
from treeline.io.figures.style import BLUE, INK, LINE, QUIET, VERMILION, WIDTH
from treeline.io.table_sets import Tables
from treeline.report.facts.arrows import EARLIER
from treeline.report.figures.flow_layout import BEND, ENDS, Arrow, Kind, Layout, Node, Ribbon, lay_out
from treeline.report.figures.listings import Columns, listing, percent, percents

COLOURS: dict[Kind, str] = {"kept": BLUE, "lost": VERMILION, "waiting": QUIET}
NAMES: dict[Kind, str] = {"kept": "kept", "lost": "lost", "waiting": "not done yet"}

POINTS = 72.0
LEFT, TOP, BOTTOM = 4.0, 24.0, 20.0
"""Margins in points; in the upper one is the title, in the lower one the legend."""

LABELS = LEFT + ENDS + 2 * BEND
"""x of the labels."""

LETTERS = 32
"""Of a label."""

THINNEST = 0.7
"""Points: what would be thinner is drawn as thick, to be seen."""

ROUND = 0.5523
"""Of a radius: where the handles of a cubic curve are that is nearly a quarter of a circle."""

TITLES = {
    "images": ("What became of the rows of the input", "rows"),
    "images, cropped": ("What became of the crops", "crops"),
    "lookup, cropped": ("Crops that are in a group", "crops"),
    "lookup": ("Images that are in a group", "images"),
    "groups": ("Images of the groups that were extracted", "images"),
    "datasets": ("Samples of the datasets, by split", "samples"),
    "analysis": ("Samples that were analysed", "samples"),
    "models": ("Samples that models were evaluated on", "samples"),
}
"""Title and unit of each part of the flow; other parts are named by themselves."""

MOST_ROOTS = 8
"""Of a part, such as its groups; of more, the largest are drawn."""


def draw_flow(tables: Tables) -> Iterator[Drawing | Listing]:
    """Draw each part of the flow in which not all goes the same way, and list the arrows of each."""
    flow = tables["flow"][tables["flow"]["rows"] > 0]
    for part, rows in flow.groupby("part", sort=False):
        title, unit = TITLES.get(str(part), (str(part).capitalize(), "rows"))
        if _parts_somewhere(rows):
            yield _drawing(rows, f"flow_{re.sub('[^a-z0-9]+', '_', str(part).lower())}", title, unit)
        yield _listing(rows, title)


def _parts_somewhere(rows: pd.DataFrame) -> bool:
    """Whether anything is to be seen: rows of one node that go to different ones."""
    return bool(rows["source"].duplicated().any())


def roots_of(rows: pd.DataFrame) -> pd.Series:
    """What goes into a part of the flow: rows by node, the most first; what was made earlier does not count."""
    from_outside = rows[~rows["source"].isin({*rows["target"], EARLIER})]
    sums = from_outside.groupby("source", sort=False)["rows"].sum()
    return sums.sort_values(ascending=False, kind="stable")


def wholes_of(rows: pd.DataFrame) -> dict[str, int]:
    """What shares at each node are of: the rows of the node from outside that it hangs from."""
    wholes = {str(name): int(count) for name, count in roots_of(rows).items()}
    for source, target in zip(rows["source"], rows["target"], strict=True):
        if source in wholes:
            wholes.setdefault(target, wholes[source])
    earlier = rows.loc[rows["source"] == EARLIER, "target"]
    return {EARLIER: wholes.get(earlier.iloc[0], 0) if len(earlier) else 0, **wholes}


def shares_of(rows: pd.DataFrame) -> list[float]:
    """Rows of each arrow as a share of what its source hangs from."""
    wholes = wholes_of(rows)
    return [count / (wholes.get(source) or count) for source, count in zip(rows["source"], rows["rows"], strict=True)]


def _listing(rows: pd.DataFrame, title: str) -> Listing:
    columns: Columns = {
        "from": rows["source"],
        "to": rows["target"],
        "what": [NAMES[kind] for kind in rows["kind"]],
        "number": rows["rows"],
        "share": percents(shares_of(rows)),
    }
    return listing(title, "flow", columns)


def _drawing(rows: pd.DataFrame, name: str, title: str, unit: str) -> Drawing:
    roots = roots_of(rows)
    shown = rows[~rows["source"].isin(roots.index[MOST_ROOTS:])]
    columns = (shown[column].tolist() for column in ("source", "target", "rows", "kind"))
    layout = lay_out([Arrow(*values) for values in zip(*columns, strict=True)])
    caption = f"A ribbon's width is its number of {unit}; shares are of what comes in at the top."
    if any(ribbon.width < THINNEST for ribbon in layout.ribbons):
        caption += " The thinnest are drawn thicker than they are, to be seen."
    if len(roots) > MOST_ROOTS:
        caption += f" {len(roots) - MOST_ROOTS:,} more, which have fewer, are only in the table."
    figure = _draw(layout, title, wholes_of(rows))
    return Drawing(name, title, caption, figure, rows[["source", "target", "rows", "kind"]])


def _draw(layout: Layout, title: str, wholes: dict[str, int]) -> Figure:
    height = TOP + layout.height + BOTTOM
    figure = Figure(figsize=(WIDTH, height / POINTS))
    figure.suptitle(title, x=0.02, y=1 - 6 / height, ha="left", va="top", fontsize=8, fontweight="bold")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-LEFT, WIDTH * POINTS - LEFT), ylim=(layout.height + BOTTOM, -TOP))
    axes.set_axis_off()
    for node in layout.nodes:
        axes.plot((node.left + node.width, ENDS + BEND), (node.middle,) * 2, color=LINE, linewidth=0.6, zorder=1)
    for ribbon in layout.ribbons:
        axes.add_patch(_patch(ribbon))
        if ribbon.turns:
            _label(axes, ribbon.arrow.target, ribbon.arrow.rows, ribbon.end[1], wholes.get(ribbon.arrow.source, 0))
    for node in layout.nodes:
        _draw_node(axes, node, wholes.get(node.name, 0))
    kinds = [kind for kind in COLOURS if any(ribbon.arrow.kind == kind for ribbon in layout.ribbons)]
    patches = [Patch(color=COLOURS[kind], alpha=0.6, linewidth=0, label=NAMES[kind]) for kind in kinds]
    figure.legend(handles=patches, loc="lower left", ncols=3, handlelength=1, columnspacing=1.2, borderaxespad=0.3)
    return figure


def _draw_node(axes: Axes, node: Node, whole: int) -> None:
    width = max(node.width, THINNEST)
    axes.add_patch(Rectangle((node.left, node.middle - 1.5), width, 3, color=INK, linewidth=0, zorder=4))
    _label(axes, node.name, node.rows, node.middle, whole, is_node=True)


def _label(axes: Axes, name: str, rows: int, middle: float, whole: int, *, is_node: bool = False) -> None:
    weight = "bold" if is_node else "normal"
    shown = name if len(name) <= LETTERS else f"{name[: LETTERS - 1].rstrip()}…"
    axes.text(LABELS - LEFT, middle - 0.5, shown, va="bottom", fontsize=7, fontweight=weight)
    count = f"{rows:,} · {percent(rows / (whole or rows))}"
    axes.text(LABELS - LEFT, middle + 0.5, count, va="top", fontsize=7, color=QUIET)


def _patch(ribbon: Ribbon) -> PathPatch:
    outline = _turning(ribbon) if ribbon.turns else _running(ribbon)
    return PathPatch(outline, facecolor=COLOURS[ribbon.arrow.kind], alpha=0.6, linewidth=0, zorder=2 + ribbon.turns)


def _running(ribbon: Ribbon) -> Path:
    """From one node down to another, with a bend where they are not above each other."""
    (x, top), (end, bottom) = ribbon.start, ribbon.end
    half, middle = max(ribbon.width, THINNEST) / 2, (top + bottom) / 2
    corners = [
        *((x - half, top), (x - half, middle), (end - half, middle), (end - half, bottom)),
        *((end + half, bottom), (end + half, middle), (x + half, middle), (x + half, top), (x - half, top)),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path(corners, codes)


def _turning(ribbon: Ribbon) -> Path:
    """Down, round to the right, and into a point."""
    (x, top), (end, y) = ribbon.start, ribbon.end
    half = max(ribbon.width, THINNEST) / 2
    inner, outer = BEND, BEND + 2 * half
    corner = (x + half + BEND, y - half - BEND)
    tip = min(BEND, 1.5 + half)
    points = [
        (x - half, top),
        (x - half, corner[1]),
        (x - half, corner[1] + ROUND * outer),
        (corner[0] - ROUND * outer, y + half),
        (corner[0], y + half),
        (end, y + half),
        (end + tip, y),
        (end, y - half),
        (corner[0], y - half),
        (corner[0] - ROUND * inner, y - half),
        (x + half, corner[1] + ROUND * inner),
        (x + half, corner[1]),
        (x + half, top),
        (x - half, top),
    ]
    line, curve = [Path.LINETO], [Path.CURVE4] * 3
    return Path(points, [Path.MOVETO, *line, *curve, *line * 4, *curve, *line, Path.CLOSEPOLY])
