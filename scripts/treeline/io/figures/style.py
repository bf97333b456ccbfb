"""How figures look, on paper and in the page.

Colours of series are Okabe's and Ito's, which the colour-blind can tell apart (Color Universal Design, 2008); those of
counts and shares are viridis and cividis. In the page, text, lines and series take the page's own colours, which differ
in the light and the dark.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

WIDTH = 3.5
"""Inches: a column of a journal."""

DOTS_PER_INCH = 300

INK, QUIET, LINE, GROUND = "#1a1c1f", "#595e67", "#dcdcd6", "#ffffff"
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SERIES = (BLUE, VERMILION, GREEN, PURPLE)
DASHES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")
MOST_SERIES = len(SERIES) * len(DASHES)

COUNTS, SHARES, SIGNED = "viridis", "cividis", "RdBu_r"

PAGE_COLOURS = {
    INK: "--ink",
    QUIET: "--quiet",
    LINE: "--line",
    GROUND: "--surface",
    BLUE: "--blue",
    VERMILION: "--vermilion",
    GREEN: "--green",
    PURPLE: "--purple",
}
"""The page's name of each colour."""

LOOKS: dict[Any, Any] = {
    "svg.hashsalt": "treeline",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "savefig.facecolor": GROUND,
}


@contextmanager
def looks() -> Iterator[None]:
    """Draw and write figures in Treeline's looks; a script that the font lacks is left to the reader's fonts."""
    with matplotlib.rc_context(LOOKS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(title: str, height: float = 2.5) -> tuple[Figure, Axes]:
    """Make a figure of one plot, `height` inches high."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    # Over the whole figure, not the plot alone: long labels leave little room for that.
    figure.suptitle(title, x=0.02, ha="left", fontsize=8, fontweight="bold")
    return figure, axes


def series_look(place: int) -> tuple[str, str]:
    """Colour and dashes of a series, which are different for the first 16."""
    return SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)]


def counts_axis(axes: Axes, which: str = "y") -> None:
    """Label an axis with whole numbers, `1,000` or `20 k`."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(MaxNLocator(5, integer=True))
    write_ticks(axis, short_number)


def log_axis(axes: Axes, which: str = "x") -> None:
    """Make an axis logarithmic, with labels in plain numbers."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    low, high = sorted(axis.get_view_interval())
    is_short = low > 0 and high / low < 100
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if is_short else (1,), numticks=8))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    write_ticks(axis, short_number)


def write_ticks(axis: Axis, write: Callable[[float], str]) -> None:
    """Label an axis with its values as `write` writes them."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def short_number(value: float) -> str:
    """Write a number in at most five characters or so: `0.05`, `950`, `20 k`, `3 M`."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if abs(value) >= scale:
            scale = 1e3 if unit == "k" else scale
            return f"{value / scale:.3g} {unit}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def ink_on(shade: npt.NDArray[np.float64]) -> str:
    """Black or white, whichever is read better on a colour of RGBA from 0 to 1 (WCAG 2.2, relative luminance)."""
    channels = shade[:3]
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return "#000001" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "#fffffe"


def as_svg(figure: Figure) -> bytes:
    """Write a figure as SVG; the same bytes every time."""
    picture = io.BytesIO()
    figure.savefig(picture, format="svg", dpi=DOTS_PER_INCH, metadata={"Date": None})
    return picture.getvalue()


def as_png(figure: Figure) -> bytes:
    """Write a figure as PNG of 300 dots an inch; the same bytes every time."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return picture.getvalue()


def for_page(svg: bytes, name: str, title: str) -> str:
    """Make an SVG part of a page: its colours the page's, its ids its own, its title what is read aloud."""
    text = svg.decode()
    body = text[text.index("<svg") :]
    opening, body = body.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', opening)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{name}-", body)
    for colour, variable in PAGE_COLOURS.items():
        body = body.replace(colour, f"var({variable})")
    return f'<svg role="img" aria-label="{html.escape(title)}" {view[0] if view else ""}>{body.strip()}'
