"""The configuration of what is made of the detector's results."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from treeline.choices import SEQUENCE_GAP_SECONDS
from treeline.config_values import Block, Confidence, NotEmpty, Share, check_distinct

Export = Literal["csv-long", "csv-wide", "coco"]


class Repeats(Block):
    """Strike out boxes that recur at a camera: a stone or a branch that is taken for an animal."""

    iou: float = Field(0.9, ge=0.5, le=1)
    """Least overlap, intersection over union, of two boxes that are the same."""
    occurrences: int = Field(20, ge=2)
    """Least number of detections that are the same."""
    min_confidence: Confidence = 0.1
    """Detections of a lower confidence are left alone."""
    max_confidence: Confidence = 1.0
    """Detections of a higher confidence are left alone."""
    max_area: Share = 0.2
    """Larger boxes are left alone; a share of the image."""
    decisions: NotEmpty | None = None
    """What a person has decided on the review page. Null strikes out every candidate."""


class Smooth(Block):
    """Let the most frequent class of a sequence overwrite the rare ones."""

    gap_seconds: float = Field(SEQUENCE_GAP_SECONDS, ge=0)
    """Longest time between two images of a sequence that follow each other."""
    detection_threshold: Confidence = 0.15
    """Detections of a lower confidence do not take part."""
    classification_threshold: Confidence = 0.5
    """Classifications of a lower confidence do not take part."""
    majority: int = Field(4, ge=1)
    """Detections that the most frequent class must have."""
    minority: int = Field(1, ge=0)
    """A class with more detections is not overwritten."""
    categories: bool = False
    """Smooth animal and vehicle too."""


class Evaluate(Block):
    """Compare with ground truth."""

    truth: NotEmpty
    """COCO or COCO Camera Traps JSON, or a CSV with the columns `file`, `label` and perhaps `location`."""
    by: Literal["box", "image"] | None = None
    """Compare boxes, or labels of images. Null compares boxes if the truth has any."""
    labels: dict[str, str] = {}
    """What labels count as: `{deer: animal, blank: empty, unknown: ignore}`."""
    threshold: Confidence = 0.2
    """Lowest confidence that counts."""


class Sort(Block):
    """Sort the images into animal, person, vehicle, empty and failed."""

    by: Literal["copy", "symlink", "hardlink", "tar"] = "tar"
    """How images get there; `tar` makes archives."""
    threshold: Confidence = 0.2
    """Lowest confidence that counts."""


class Crop(Block):
    """Cut detections out for training a classifier, split by location."""

    dataset: NotEmpty
    """What crops.csv calls the data set."""
    square: bool = False
    """Make crops square; what is beyond the image is black."""
    margin: float = Field(0.0, ge=0)
    """Added on each side, as a share of the longer side."""
    val: Share = 0.1
    """Share of the locations for validation."""
    test: Share = 0.1
    """Share of the locations for testing."""
    seed: int = 0
    """Another one draws other locations."""
    threshold: Confidence = 0.2
    """Lowest confidence that counts."""


class Preview(Block):
    """Make a gallery that opens from a disk, with boxes and a threshold slider."""

    threshold: float = Field(0.2, ge=0.01, le=0.99)
    """Confidence that the slider starts at."""
    sample: int = Field(100, ge=1)
    """Most images of each category and confidence band."""
    persons: Literal["show", "blur", "withhold"] = "blur"
    """What happens to persons, or to images with them."""
    person_threshold: Confidence = 0.1
    """Confidence from which persons are blurred or withheld."""
    longest_side: int = Field(1600, ge=1)
    """Of the images in full size, in pixels."""


class Detections(Block):
    """What is made of the detector's results, of all shards together: each block that is there switches it on."""

    locations: NotEmpty | None = None
    """Which camera took which image: CSV or Parquet with the columns `file`, as in the results, and `location`."""
    one_location: bool = False
    """All images are of one camera."""
    repeats: Repeats | None = None
    """Strike out boxes that recur at a camera."""
    smooth: Smooth | None = None
    """Let the most frequent class of a sequence overwrite the rare ones."""
    export: Annotated[list[Export], AfterValidator(check_distinct)] = []
    """Other formats to write the results in: `csv-long`, `csv-wide`, `coco`."""
    evaluate: Evaluate | None = None
    """Compare with ground truth."""
    sort: Sort | None = None
    """Sort the images."""
    crop: Crop | None = None
    """Cut detections out."""
    preview: Preview | None = None
    """Make a gallery."""

    @model_validator(mode="after")
    def _cameras_are_known(self) -> Detections:
        if self.locations is not None and self.one_location:
            raise ValueError("locations and one_location exclude one another")
        if (self.repeats or self.smooth) and self.locations is None and not self.one_location:
            raise ValueError("repeats and smooth need to know the cameras: give locations, or one_location: true")
        return self
