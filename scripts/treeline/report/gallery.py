"""A few images, with what was found in them."""

from __future__ import annotations

import base64
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from treeline.io.figures.drawing import Cell
from treeline.io.licenses import normalise

COLOURS = {"animal": "#e69f00", "person": "#56b4e9", "human": "#56b4e9", "vehicle": "#cc79a7"}
OTHERS = "#f0e442"
"""Okabe's and Ito's, as in the gallery of detections."""


@dataclass(frozen=True)
class Box:
    """A box of a picture.

    Args:
        label: Category and confidence.
        colour: Of its frame.
        left, top, width, height: Shares of the picture.
    """

    label: str
    colour: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Picture:
    """An image of the page.

    Args:
        address: `data:` of its small picture.
        width: Of the image in pixels, or any number in the same ratio.
        height: Of it.
        title: Its name, and where it is on the web.
        note: Where it is from, and under which licence.
        boxes: What was found in it.
    """

    address: str
    width: int
    height: int
    title: Cell
    note: str
    boxes: list[Box]

    @property
    def told(self) -> str:
        """What is read aloud."""
        found = ", ".join(box.label for box in self.boxes)
        return f"{self.title.text}: {found or 'no box'}"


def pictures(gallery: pd.DataFrame) -> list[Picture]:
    """Make the rows of the table `gallery` ready for the page."""
    return [_picture(row) for row in gallery.to_dict("records")]


def _picture(row: Mapping[Hashable, Any]) -> Picture:
    content = base64.b64encode(row["picture"]).decode()
    boxes = [_box(found) for found in json.loads(row["boxes"] or "[]")]
    return Picture(
        address=f"data:image/jpeg;base64,{content}",
        width=max(1, row["width"]),
        height=max(1, row["height"]),
        title=Cell(row["title"] or row["uuid"], address=row["url"]),
        note=f"{row['server']}, {normalise(row['license']).name or row['license'] or 'no licence given'}",
        boxes=boxes,
    )


def _box(found: Mapping[str, Any]) -> Box:
    category, confidence = found["category"], found["confidence"]
    colour = COLOURS.get(category, OTHERS)
    return Box(f"{category} {confidence:.2f}", colour, *found["box"])
