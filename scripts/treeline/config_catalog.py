"""The configuration of the catalogue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from treeline.config_values import Block, NotEmpty

SourceFormat = Literal["megadb", "coco-camera-traps", "camtrap-dp", "megadetector", "lila", "table"]
Columns = dict[str, NotEmpty]
Labels = dict[NotEmpty, NotEmpty]


class CatalogSource(Block):
    """Something that others have made and the catalogue takes in."""

    format: SourceFormat
    """What it is."""
    path: NotEmpty
    """File or folder."""
    dataset: NotEmpty | None = None
    """The data set that it belongs to, where the format does not say."""
    strict: bool = True
    """Refuse what MegaDB's own rules let pass but cannot be right."""
    boxes_complete: bool = False
    """An image without boxes was looked at and has none."""
    columns: Columns = {}
    """`table`: which column is what, such as `{file: path, class: species, location: camera, datetime: taken}`."""
    labels: Labels = {}
    """What labels are called in the catalogue, such as `{Rehwild: roe deer}`."""
    locations: NotEmpty | None = None
    """`megadetector`: which camera took which image, CSV or Parquet with the columns `file` and `location`."""


class Catalog(Block):
    """What the catalogue holds."""

    dataset: Annotated[str, Field(min_length=3)] | None = "collection"
    """What this collection's own images are called as a data set; null leaves them out."""
    access: list[NotEmpty] = []
    """Who may see this collection's images, such as `[public]`; empty says nothing."""
    columns: Columns = {}
    """Columns of `lookup.metadata`: `class` (else species), `location` (else locality), `datetime` (else eventDate)."""
    labels: Labels = {}
    """What the collection's own labels are called in the catalogue."""
    sources: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")], CatalogSource] = {}
    """Other sources by name: the next ingest of a name replaces what the last one brought."""
