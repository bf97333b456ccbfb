"""What figures draw is what the tables say, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from tests.analyses import make_analysis
from tests.hostile_analyses import make_bare, make_crowded
from treeline.analyze.report import SECTIONS
from treeline.io.figures import style
from treeline.io.figures.drawing import Drawing

Drawn = tuple[dict[str, pd.DataFrame], dict[str, Drawing]]


MAKERS: list[Callable[[Path], dict[str, pd.DataFrame]]] = [make_analysis, make_crowded, make_bare]


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__)
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawn]:
    tables = request.param(tmp_path_factory.mktemp("analysis"))
    with style.looks():
        found = [drawing for draw in SECTIONS.values() for drawing in draw(tables)]
        yield tables, {drawing.name: drawing for drawing in found if isinstance(drawing, Drawing)}


def test_labels_do_not_overlap_and_are_within_the_figure(drawn: Drawn) -> None:
    for name, drawing in drawn[1].items():
        FigureCanvasAgg(drawing.figure).draw()
        room = drawing.figure.bbox.padded(2)
        title = drawing.figure._suptitle.get_window_extent()  # type: ignore[attr-defined]
        for axes in drawing.figure.axes:
            for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
                boxes = tick_labels(axis, room)
                assert all(not overlap(one, other) for one, other in combinations(boxes, 2)), name
                label = axis.get_label().get_window_extent()
                if axis.get_label_text():
                    assert room.contains(label.x0, label.y0) and room.contains(label.x1, label.y1), name
                    assert not overlap(label, title), name


def tick_labels(axis: Axis, room: Bbox) -> list[Bbox]:
    """Places of the labels that are drawn: a locator has some beyond the ends, too."""
    labels = [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible() and tick.label1.get_text()]
    low, high = sorted(axis.get_view_interval())
    assert low < high
    places = {tick.label1: tick.get_loc() for tick in axis.get_major_ticks()}
    return [label.get_window_extent() for label in labels if low <= places[label] <= high]


def overlap(one: Bbox, other: Bbox) -> bool:
    """Whether two texts touch by more than the blank around letters."""
    both = Bbox.intersection(one, other)
    return both is not None and both.width > 0.1 * one.width and both.height > 0.25 * one.height


def test_every_axis_is_named_and_every_figure_is_titled(drawn: Drawn) -> None:
    pictures = ("components_of_thumbnails",)
    matrices = ("class_pairs", "class_lift", "correlation", "components", "box_areas_by_class")
    for name, drawing in drawn[1].items():
        assert drawing.figure.get_suptitle() == drawing.title
        assert drawing.caption.endswith(".")
        if name in pictures or name.startswith(matrices):
            continue
        assert all(axes.get_xlabel() or axes.get_ylabel() for axes in drawing.figure.axes), name


def test_dots_of_classes_are_where_the_counts_are(drawn: Drawn) -> None:
    tables, drawings = drawn
    drawing = drawings["class_samples"]
    totals = tables["classes"].groupby("label")["samples"].sum()
    axes = drawing.figure.axes[0]
    points = np.concatenate([dots.get_offsets() for dots in axes.collections])
    rows = np.rint(points[:, 1]).astype(int)
    by_row = np.bincount(rows, points[:, 0])
    assert list(by_row) == sorted(totals, reverse=True)[: len(by_row)]


def test_bars_and_cells_are_as_high_as_the_counts(drawn: Drawn) -> None:
    tables, drawings = drawn
    hours = tables["times"].query("period == 'hour'")
    bars = drawings["by_hour"].figure.axes[0].patches
    assert {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in bars} == dict(
        zip(hours["value"].astype(int), hours["samples"], strict=True)
    )
    dates = tables["times"].query("period == 'date'")["samples"].sum()
    assert sum(bar.get_height() for bar in drawings["by_date"].figure.axes[0].patches) == dates
    cells = tables["boxes"].query("kind == 'centre'")
    picture = drawings["box_centres"].figure.axes[0].images[0].get_array()
    assert picture is not None and picture.sum() == cells["count"].sum()
    cell = cells.iloc[-1]
    expected = cells[(cells["x_low"] == cell["x_low"]) & (cells["y_low"] == cell["y_low"])]["count"].sum()
    assert picture[round(cell["y_low"] * 20), round(cell["x_low"] * 20)] == expected


def test_a_matrix_is_symmetric_and_says_what_the_table_says(drawn: Drawn) -> None:
    tables, drawings = drawn
    names = list(tables["channels"]["name"])
    for kind, rows in tables["correlations"].groupby("kind"):
        values = drawings[f"correlation_{kind}"].figure.axes[0].images[0].get_array()
        assert values is not None
        for row in rows.itertuples():
            one, other = names.index(row.first), names.index(row.second)
            assert values[one, other] == values[other, one] == pytest.approx(row.value)


@given(st.sampled_from((style.COUNTS, style.SHARES, style.SIGNED)), st.floats(0, 1))
def test_numbers_on_any_colour_have_contrast(colours: str, place: float) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    shade = np.array(matplotlib.colormaps[colours](place))
    ink = np.array(matplotlib.colors.to_rgba(style.ink_on(shade)))
    light, dark = sorted((luminance(shade), luminance(ink)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: np.ndarray) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
