"""Pages that show figures, tables and pictures; one asks nothing of any network, and each figure is a file, too.

<page>                   all in one: styles, figures, small pictures, the numbers behind each figure
figures/<name>.svg       beside it: each figure for a paper, as lines and text
figures/<name>.png       and as dots, 300 an inch
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from treeline.io.atomic import write_bytes
from treeline.io.figures import style
from treeline.io.figures.drawing import Cell, Drawing, Listing, Remark

SHARED = Path(__file__).parents[2] / "page"
"""What all reports have: styles, scripts, and the frame in which a template puts its own."""

FIGURES = "figures"
STYLES, SCRIPTS = ("base.css", "report/report.css"), ("theme.js", "report/report.js", "report/sorting.js")


@dataclass(frozen=True)
class Shown:
    """An image of the page.

    Args:
        id: Of the image.
        path: Where it is.
        note: Why it is shown.
        picture: Address (`data:`) of its own picture; else it is among those that the page is given by id.
    """

    id: int
    path: str
    note: str
    picture: str | None = None


@dataclass(frozen=True)
class Gallery:
    """Images that have something in common.

    Args:
        title: What they have in common.
        total: How many there are; the worst are shown.
        images: These.
    """

    title: str
    total: int
    images: list[Shown]


@dataclass(frozen=True)
class Placed:
    """A figure in the page.

    Args:
        number: From 1.
        drawing: What it is.
        svg: It itself.
        csv: Address of its numbers: `data:`, or of a file beside the page where they are many.
    """

    number: int
    drawing: Drawing
    svg: Markup
    csv: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        title: Its heading.
        figures: Its figures.
        listings: Its tables.
        remarks: Its sentences.
    """

    title: str
    figures: list[Placed]
    listings: list[Listing]
    remarks: list[Remark]

    @property
    def anchor(self) -> str:
        """What a link to it ends in."""
        return self.title.lower().replace(" ", "-")


def write_sections(
    drawn: Mapping[str, Iterable[Drawing | Listing | Remark]], target: Path, most_embedded: float = math.inf
) -> Iterator[Section]:
    """Draw figures, write their files, and make them ready for the page.

    Args:
        drawn: Figures, tables and sentences of each section, by its title; a section without any is left out.
        target: Folder of the figures.
        most_embedded: Bytes of a figure's numbers that the page itself holds; more are a file beside the figure's.
    """
    number = 0
    target.mkdir(parents=True, exist_ok=True)
    with style.looks():
        for title, parts in drawn.items():
            section = Section(title, [], [], [])
            for found in parts:
                if isinstance(found, Listing):
                    section.listings.append(found)
                    continue
                if isinstance(found, Remark):
                    section.remarks.append(found)
                    continue
                number += 1
                svg = style.as_svg(found.figure)
                write_bytes(target / f"{found.name}.svg", svg)
                write_bytes(target / f"{found.name}.png", style.as_png(found.figure))
                inline = Markup(style.for_page(svg, found.name, found.title))
                section.figures.append(Placed(number, found, inline, _csv_address(found, target, most_embedded)))
            if section.figures or section.listings or section.remarks:
                yield section


def page_environment(folder: Path) -> Environment:
    """What renders the templates of a folder, which extend the shared `report_base.html`."""
    environment = Environment(
        loader=FileSystemLoader([folder, SHARED / "report"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles, script = ("".join(_shared(name) for name in names) for names in (STYLES, SCRIPTS))
    environment.globals.update(styles=Markup(styles), script=Markup(script))
    environment.filters.update(cell=cell, sort_key=_sort_key, link=_link, whole=whole)
    return environment


def cell(value: Any) -> str:
    """Write a cell of a table that is shown."""
    if value is None:
        return "–"
    if isinstance(value, Cell):
        return value.text
    return value if isinstance(value, str) else number(float(value))


def number(value: float) -> str:
    """Write a number with four significant digits, or all those of its whole part."""
    if not math.isfinite(value):
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def size(count: float) -> str:
    """Write a number of bytes with a unit."""
    if not math.isfinite(count):
        return "–"
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"


def with_code(text: str) -> Markup:
    """Text of a page in which words between grave accents are code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def whole(value: float) -> str:
    """Write a count."""
    return f"{value:,.0f}" if math.isfinite(value) else "–"


def _shared(name: str) -> str:
    return (SHARED / name).read_text(encoding="utf-8")


def _sort_key(value: Any) -> str:
    """What a cell's row is sorted by; empty: its text."""
    if isinstance(value, Cell):
        value = value.value
    if value is None or isinstance(value, str):
        return ""
    # Python writes `inf` and `nan`, which JavaScript does not read; what is missing is below all numbers.
    return f"{float(value):.12g}" if math.isfinite(value) else "-Infinity"


def _link(value: Any) -> str:
    """Where a cell links to; a stranger's `javascript:` is no address."""
    address = value.address if isinstance(value, Cell) else ""
    return address if address.startswith(("https://", "http://")) else ""


def _csv_address(drawing: Drawing, target: Path, most_embedded: float) -> str:
    text = drawing.table.to_csv(index=False, lineterminator="\n")
    if len(text) > most_embedded:
        write_bytes(target / f"{drawing.name}.csv", text.encode())
        return f"{FIGURES}/{drawing.name}.csv"
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()
