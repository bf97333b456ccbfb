"""The configuration of what is made of the catalogue: splits, answers to queries, exports and training sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from treeline.config_values import Block, Confidence, NotEmpty, Share

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
ExportFormat = Literal["megadb", "coco-camera-traps", "camtrap-dp", "lila", "darwin-core"]
TrainingKind = Literal["detector", "crops", "huggingface"]

TOLERANCE = 1e-6
"""By which shares may miss a sum of 1."""

EXPORT_KEYS: Mapping[ExportFormat, Sequence[str]] = {
    "megadb": ("datasets", "unhoist", "with_secrets"),
    "coco-camera-traps": ("datasets",),
    "camtrap-dp": ("datasets", "time_zone", "locations", "metadata"),
    "lila": ("datasets",),
    "darwin-core": ("datasets",),
}
"""Keys that each format has a use for, beside `format`."""

FORMATS_OF_ONE = ("coco-camera-traps", "camtrap-dp")
"""Formats that hold one data set."""

TRAINING_KEYS: Mapping[TrainingKind, Sequence[str]] = {
    "detector": ("placement",),
    "crops": (
        *("labels", "categories", "val", "test", "seed", "square", "margin"),
        *("archive_crops", "jpeg_quality", "max_pixels"),
    ),
    "huggingface": ("title",),
}
"""Keys that each kind has a use for, beside those of all."""


class Splits(Block):
    """Shares of the images, boxes and labels that training, validation and test get; they add up to 1."""

    train: Share = 0.8
    """Share of training."""
    val: Share = 0.1
    """Share of validation."""
    test: Share = 0.1
    """Share of test."""
    seed: int = 0
    """Another one draws other splits, of the locations that have none."""

    @model_validator(mode="after")
    def _is_all(self) -> Splits:
        if abs(self.train + self.val + self.test - 1) > TOLERANCE:
            raise ValueError("train, val and test must add up to 1")
        return self


class CatalogQuery(Block):
    """A question to the catalogue: a named query with its parameters, or SQL."""

    query: NotEmpty | None = None
    """A named query; `treeline query --list` shows them."""
    parameters: dict[NotEmpty, str | int | float] = {}
    """What the named query takes, such as `{class: bear, split: train}`."""
    sql: NotEmpty | None = None
    """A SELECT of your own, in DuckDB's SQL."""

    @model_validator(mode="after")
    def _is_one_question(self) -> CatalogQuery:
        if (self.query is None) == (self.sql is None):
            raise ValueError("give either query or sql")
        if self.sql is not None and self.parameters:
            raise ValueError("parameters: sql takes none")
        return self


class CatalogExport(Block):
    """The catalogue in the format of others."""

    format: ExportFormat
    """What is written; docs/catalog-export.md."""
    datasets: list[NotEmpty] = []
    """Only these data sets; all where none is named. `coco-camera-traps` and `camtrap-dp` hold one."""
    unhoist: bool = False
    """`megadb`: properties on the levels where their source had them."""
    with_secrets: bool = False
    """`megadb`: write each `container_sas_key`, too."""
    time_zone: NotEmpty | None = None
    """`camtrap-dp`: of times that have no offset, such as `Europe/Brussels` or `+01:00`."""
    locations: NotEmpty | None = None
    """`camtrap-dp`: a table with the columns location, latitude and longitude."""
    metadata: NotEmpty | None = None
    """`camtrap-dp`: JSON for datapackage.json, above all its contributors and project."""

    @model_validator(mode="after")
    def _fits_its_format(self) -> CatalogExport:
        _refuse_others(self, self.format, ("format", *EXPORT_KEYS[self.format]))
        if self.format in FORMATS_OF_ONE and len(self.datasets) > 1:
            raise ValueError(f"datasets: {self.format} holds one data set")
        return self


class TrainingSet(Block):
    """Images with boxes for a detector, crops for a classifier, or a folder for Hugging Face's datasets."""

    kind: TrainingKind
    """`detector`: YOLO and COCO; `crops`: boxes cut out, with labels; `huggingface`: a folder with a card."""
    query: NotEmpty | None = None
    """Which images: a name under `queries`. Null takes all of the catalogue."""
    images: dict[NotEmpty, NotEmpty] | None = {}
    """Where images of other data sets are, `{caltech: photos/}`; this collection's own are known. Null: no images."""
    confidence: Confidence | None = None
    """Use a detector's boxes from this confidence on, where no person drew any. Null uses none of a detector."""
    placement: Literal["copy", "link", "none"] = "copy"
    """`detector`: what becomes of the images; trainers that mend images in place change what links lead to."""
    labels: NotEmpty | None = None
    """`crops`: YAML of which classes become which label. Null makes each class a label."""
    categories: list[Literal["animal", "person", "vehicle", "group"]] = ["animal"]
    """`crops`: boxes that are cut out."""
    val: Share = 0.1
    """`crops`: wanted share of each label's crops for validation."""
    test: Share = 0.1
    """`crops`: the same for testing."""
    seed: int = Field(0, ge=0)
    """`crops`: another one draws other crops, and places locations otherwise."""
    square: bool = False
    """`crops`: make them square; what is beyond the image is black."""
    margin: float = Field(0.0, ge=0)
    """`crops`: added on each side, as a share of the longer side."""
    archive_crops: int = Field(10_000, ge=1)
    """`crops`: most in an archive."""
    jpeg_quality: int = Field(90, ge=1, le=100)
    """`crops`: their quality."""
    max_pixels: int = Field(100_000_000, ge=1)
    """`crops`: largest width x height of an image that is decoded."""
    title: NotEmpty | None = None
    """`huggingface`: title of the card; required."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> TrainingSet:
        _refuse_others(self, self.kind, ("kind", "query", "images", "confidence", *TRAINING_KEYS[self.kind]))
        if self.val + self.test >= 1:
            raise ValueError("val and test leave nothing for training")
        if self.kind == "huggingface" and self.title is None:
            raise ValueError("title: huggingface needs one")
        return self

    @property
    def needs_images(self) -> bool:
        """Whether it cannot be made of what the catalogue says alone."""
        return self.kind == "crops" or (self.kind == "detector" and self.placement != "none")


def _refuse_others(block: Block, kind: str, known: Sequence[str]) -> None:
    """Refuse keys that a block of this kind has no use for.

    Raises:
        ValueError: Names them, and those that it has.
    """
    if others := sorted(block.model_fields_set - set(known)):
        raise ValueError(f"{kind} takes no {', '.join(others)}; it takes: {', '.join(known[1:])}")
