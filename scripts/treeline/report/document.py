"""The report's page: what went in, what came out, what is lost and why, what is left to do, and all that is known.

<page>                          all in one: styles, figures, small pictures, the numbers behind each figure
figures/<name>.svg, .png        beside it: each figure for a paper; `.csv`, too, where its numbers are many
tables/<table>.csv, .parquet    that it is drawn from, whole
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from treeline.io.atomic import write_text
from treeline.io.figures.drawing import Drawing, Listing, Remark
from treeline.io.figures.page import FIGURES, page_environment, write_sections
from treeline.io.table_sets import Tables
from treeline.report import overview
from treeline.report.figures import detections, errors, flow, images, licenses, made, politeness, resources, servers
from treeline.report.gallery import pictures
from treeline.report.tables import read_tables

PAGE = Path(__file__).parent / "page"

MOST_EMBEDDED = 20_000
"""Bytes of a figure's numbers within the page: that of a run with hundreds of servers is to stay below 5 MB."""

Draw: TypeAlias = Callable[[Tables], Iterator[Drawing | Listing | Remark]]

SECTIONS: dict[str, tuple[Draw, str]] = {
    "Flow": (flow.draw_flow, "no row has been read"),
    "Servers": (servers.draw_servers, "no server is known"),
    "Politeness": (politeness.draw_politeness, "no server was asked"),
    "Errors": (errors.draw_errors, "no image was asked for"),
    "Sizes and formats": (images.draw_images, "no image was had"),
    "Licences": (licenses.draw_licenses, "no image was had"),
    "Duplicates": (images.draw_duplicates, "no image was had"),
    "Detections": (detections.draw_detections, "nothing was detected in any image"),
    "Gallery": (lambda _: iter(()), "there is no image to show"),
    "Catalogue": (made.draw_catalog, "there is none"),
    "Datasets": (made.draw_datasets, "none was made"),
    "Models": (made.draw_models, "none was trained"),
    "Time and memory": (resources.draw_resources, "no job was measured"),
    "Disk": (resources.draw_disk, "there is no file"),
}
"""What draws each section, and why it is not there if it has nothing to show."""


def write_page(folder: Path, output: Path) -> Path:
    """Write the page of a report, and its figures in the folder `figures` beside it; the same bytes each time.

    Args:
        folder: Of the tables.
        output: The page.

    Returns:
        The page.

    Raises:
        InputError: The folder holds no tables of a report, or not all of them.
    """
    tables = read_tables(folder)
    drawn = {title: draw(tables) for title, (draw, _) in SECTIONS.items()}
    sections = {part.title: part for part in write_sections(drawn, output.parent / FIGURES, MOST_EMBEDDED)}
    shown = pictures(tables["gallery"])
    titles = [title for title in SECTIONS if title in sections or (title == "Gallery" and shown)]
    page = (
        page_environment(PAGE)
        .get_template("report.html")
        .render(
            name=overview.name_of(tables),
            facts=overview.facts(tables["summary"]),
            story=overview.story(tables),
            losses=overview.losses(tables["flow"]),
            titles=titles,
            sections=sections,
            pictures=shown,
            missing={title: why for title, (_, why) in SECTIONS.items() if title not in titles},
            provenance=overview.provenance(tables["provenance"]),
        )
    )
    write_text(output, page)
    return output
