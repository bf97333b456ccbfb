"""One page that shows what an analysis has found; it asks nothing of any network, and each figure is a file, too.

<page>                   all in one: styles, figures, small pictures, the numbers behind each figure
figures/<name>.svg       beside it: each figure for a paper, as lines and text
figures/<name>.png       and as dots, 300 an inch
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from treeline.analyze import report_facts
from treeline.analyze.figures import boxes, channels, classes, components, images, places, rasters, style, times
from treeline.analyze.figures.drawing import Drawing, Listing
from treeline.analyze.pictures import Pictures, load_pictures
from treeline.analyze.report_facts import Gallery
from treeline.analyze.source import read_tables as read_metadata
from treeline.analyze.tables import RECOMMENDATIONS_FILE, Tables, read_tables
from treeline.errors import InputError
from treeline.io.atomic import write_bytes, write_text
from treeline.io.datasets.metadata import Metadata

PAGE = Path(__file__).parent / "page"
SHARED = Path(__file__).parents[1] / "page"
"""Styles that all pages have."""

FIGURES = "figures"
METADATA, LEAKAGE = "metadata.h5", "leakage.json"

Draw: TypeAlias = Callable[[Tables], Iterator[Drawing | Listing]]

SECTIONS: dict[str, Draw] = {
    "Classes": classes.draw_classes,
    "Images": images.draw_images,
    "Channels": channels.draw_channels,
    "Principal components": components.draw_components,
    "Texture": components.draw_textures,
    "Boxes": boxes.draw_boxes,
    "Time": times.draw_times,
    "Place": places.draw_places,
    "Space and spectrum": rasters.draw_rasters,
}
"""Sections of figures; one that has nothing to show is left out."""


@dataclass(frozen=True)
class Placed:
    """A figure in the page.

    Args:
        number: From 1.
        drawing: What it is.
        svg: It itself.
        csv: Address (`data:`) of its numbers.
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
    """

    title: str
    figures: list[Placed]
    listings: list[Listing]

    @property
    def anchor(self) -> str:
        """What a link to it ends in."""
        return self.title.lower().replace(" ", "-")


def write_report(folder: Path, output: Path, dataset: Path | None = None) -> None:
    """Write the page of an analysis, and its figures in the folder `figures` beside it; the same bytes each time.

    Args:
        folder: Of the analysis.
        output: The page.
        dataset: What was measured: `metadata.h5`, or an encoding's file or folder; None: the `metadata.h5` of the
            folder above, if there is one. Of it are the small pictures, and the `leakage.json` beside it.

    Raises:
        InputError: The folder holds no analysis, or one of no image, or there is no such dataset.
    """
    tables = read_tables(folder)
    advice = report_facts.read_advice(folder / RECOMMENDATIONS_FILE)
    summary = dict(zip(tables["summary"]["key"], tables["summary"]["value"], strict=True))
    if not summary.get("samples"):
        raise InputError(folder, "is an analysis of no sample.", fix="Measure a dataset that has some.")
    beside = folder.absolute().parent / METADATA
    dataset = dataset or (beside if beside.is_file() else None)
    metadata = read_metadata(dataset, None, None) if dataset else None
    leakage = _leakage_of(dataset)
    suspicious, extreme = report_facts.suspicious_galleries(tables), report_facts.extreme_galleries(tables)
    sections = list(_write_sections(tables, output.parent / FIGURES))
    page = (
        _environment()
        .get_template("report.html")
        .render(
            name=metadata.name if metadata else folder.absolute().parent.name,
            facts=report_facts.facts(summary),
            advice=advice,
            splits=report_facts.read_leakage(leakage) if leakage else None,
            sections=sections,
            suspicious=suspicious,
            extreme=extreme,
            pictures=_pictures(dataset, metadata, [*suspicious, *extreme]),
            provenance=report_facts.provenance(folder, dataset, leakage),
            quantities=report_facts.quantities(tables),
        )
    )
    write_text(output, page)


def _leakage_of(dataset: Path | None) -> Path | None:
    file = dataset.parent / LEAKAGE if dataset else None
    return file if file and file.is_file() else None


def _write_sections(tables: Tables, target: Path) -> Iterator[Section]:
    """Draw the figures, write their files, and make them ready for the page."""
    number = 0
    target.mkdir(parents=True, exist_ok=True)
    with style.looks():
        for title, draw in SECTIONS.items():
            section = Section(title, [], [])
            for found in draw(tables):
                if isinstance(found, Listing):
                    section.listings.append(found)
                    continue
                number += 1
                svg = style.as_svg(found.figure)
                write_bytes(target / f"{found.name}.svg", svg)
                write_bytes(target / f"{found.name}.png", style.as_png(found.figure))
                inline = Markup(style.for_page(svg, found.name, found.title))
                section.figures.append(Placed(number, found, inline, _csv_address(found)))
            if section.figures or section.listings:
                yield section


def _csv_address(drawing: Drawing) -> str:
    text = drawing.table.to_csv(index=False, lineterminator="\n")
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(text.encode()).decode()


def _pictures(dataset: Path | None, metadata: Metadata | None, galleries: list[Gallery]) -> Pictures:
    ids = {image.id for gallery in galleries for image in gallery.images}
    return load_pictures(dataset, metadata, ids) if dataset and metadata and ids else {}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        styles=Markup((SHARED / "base.css").read_text(encoding="utf-8") + (PAGE / "report.css").read_text("utf-8")),
        script=Markup((SHARED / "theme.js").read_text(encoding="utf-8") + (PAGE / "report.js").read_text("utf-8")),
        most_rows=report_facts.MOST_ROWS,
        split_tables=report_facts.split_tables,
    )
    environment.filters.update(cell=_cell, whole=report_facts.whole, values=_values)
    return environment


def _cell(value: Any) -> str:
    """A cell of a table that is shown."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else report_facts.number(float(value))


def _values(value: Any) -> str:
    """A value of a recommendation in one line."""
    if isinstance(value, list):
        return " x ".join(_cell(part) for part in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else _cell(value)
