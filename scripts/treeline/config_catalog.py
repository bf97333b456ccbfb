"""The configuration of the catalogue: what it holds, and what is made of it (`config_catalog_made.py`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from treeline.config_catalog_made import CatalogExport, CatalogQuery, Name, Splits, TrainingSet
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
    """What the catalogue holds, and what is made of it."""

    dataset: Annotated[str, Field(min_length=3)] | None = "collection"
    """What this collection's own images are called as a data set; null leaves them out."""
    access: list[NotEmpty] = []
    """Who may see this collection's images, such as `[public]`; empty says nothing."""
    columns: Columns = {}
    """Columns of `lookup.metadata`: `class` (else species), `location` (else locality), `datetime` (else eventDate)."""
    labels: Labels = {}
    """What the collection's own labels are called in the catalogue."""
    sources: dict[Name, CatalogSource] = {}
    """Other sources by name: the next ingest of a name replaces what the last one brought."""
    splits: Splits | None = None
    """Give each location that has none a split; null gives none."""
    queries: dict[Name, CatalogQuery] = {}
    """Questions by name: the answers are `catalog/queries/<name>.parquet`, which a lookup group can take as `table`."""
    exports: dict[Name, CatalogExport] = {}
    """Exports by name: `catalog/exports/<name>/`."""
    training_sets: dict[Name, TrainingSet] = {}
    """Training sets by name: `catalog/training/<name>/`."""

    @model_validator(mode="after")
    def _training_sets_have_what_they_need(self) -> Catalog:
        for name, block in self.training_sets.items():
            if block.query is not None and block.query not in self.queries:
                there = ", ".join(self.queries) or "none"
                raise ValueError(f"training_sets.{name}.query: queries has no {block.query}; there are: {there}")
            has_images = block.images is not None and (block.images or self.dataset is not None)
            if block.needs_images and not has_images:
                raise ValueError(f"training_sets.{name}.images: the set needs images: say where they are")
        return self
