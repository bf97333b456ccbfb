"""One page that shows what an analysis has found; it asks nothing of any network, and each figure is a file, too.

<page>                   all in one: styles, figures, small pictures, the numbers behind each figure
figures/<name>.svg       beside it: each figure for a paper, as lines and text
figures/<name>.png       and as dots, 300 an inch
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import Environment

from treeline.analyze import report_facts
from treeline.analyze.figures import boxes, channels, classes, components, images, places, rasters, times
from treeline.analyze.tables import RECOMMENDATIONS_FILE, read_tables
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.datasets.metadata import Metadata, read_metadata
from treeline.io.datasets.pictures import Pictures, load_pictures
from treeline.io.datasets.stored_images import tables_file
from treeline.io.figures.drawing import Drawing, Listing
from treeline.io.figures.page import FIGURES, Gallery, cell, page_environment, write_sections
from treeline.io.table_sets import Tables

PAGE = Path(__file__).parent / "page"
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
    metadata = read_metadata(tables_file(dataset)) if dataset else None
    leakage = _leakage_of(dataset)
    suspicious, extreme = report_facts.suspicious_galleries(tables), report_facts.extreme_galleries(tables)
    sections = write_sections({title: draw(tables) for title, draw in SECTIONS.items()}, output.parent / FIGURES)
    page = (
        _environment()
        .get_template("report.html")
        .render(
            name=metadata.name if metadata else folder.absolute().parent.name,
            facts=report_facts.facts(summary),
            advice=advice,
            splits=report_facts.read_leakage(leakage) if leakage else None,
            sections=list(sections),
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


def _pictures(dataset: Path | None, metadata: Metadata | None, galleries: list[Gallery]) -> Pictures:
    ids = {image.id for gallery in galleries for image in gallery.images}
    return load_pictures(dataset, metadata, ids) if dataset and metadata and ids else {}


def _environment() -> Environment:
    environment = page_environment(PAGE)
    environment.globals.update(split_tables=report_facts.split_tables)
    environment.filters.update(values=_values)
    return environment


def _values(value: Any) -> str:
    """A value of a recommendation in one line."""
    if isinstance(value, list):
        return " x ".join(cell(part) for part in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else cell(value)
