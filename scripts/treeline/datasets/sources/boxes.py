"""Boxes of a table's rows, as the catalogue's queries give them: shares of the image, which become pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from treeline.datasets.sources.rows import BOX, refuse
from treeline.errors import ImageError
from treeline.io.image_sources import find_images, load_images
from treeline.io.images import read_header


@with_config(ConfigDict(extra="ignore", allow_inf_nan=False))
class _Box(TypedDict):
    category: str
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)]


_BOXES = TypeAdapter(list[_Box])
UNKNOWN = (np.nan, np.nan)


def boxes_in_pixels(samples: pd.DataFrame, column: str, images: Sequence[str]) -> pd.DataFrame:
    """Read the boxes of all samples; for their images' sizes, the headers of these are read.

    Args:
        samples: As in `SourceRows`.
        column: JSON lists of `{category, bbox}`, the box as left, top, width, height, in shares of the upright image;
            missing where there is none.
        images: Where the images are.

    Returns:
        A row a box: `image_path`, `label`, and `BOX` in pixels, missing where the image is not there or has no size:
        measuring says so.

    Raises:
        InputError: A value is no such list; names the sample.
    """
    sizes = _sizes(set(samples["image_path"]), images)
    rows = []
    for place, (name, text) in enumerate(zip(samples["image_path"], samples[column], strict=True)):
        try:
            boxes = _BOXES.validate_json("[]" if pd.isna(text) or text == "" else text)
        except ValidationError:
            fix = "Give a list of objects with `category` and `bbox`: left, top, width, height as shares."
            raise refuse(samples, place, f"{text!r:.80} is no list of boxes.", column, fix) from None
        width, height = sizes.get(name, UNKNOWN)
        for box in boxes:
            left, top, across, down = box["bbox"]
            rows.append((name, box["category"], left * width, top * height, across * width, down * height))
    return pd.DataFrame(rows, columns=["image_path", "label", *BOX])


def _sizes(names: set[str], images: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Width and height of each image that is there and has them."""
    sizes: dict[str, tuple[float, float]] = {}
    for image in load_images(find_images([Path(source) for source in images], Path("/")), names):
        try:
            height, width = read_header(image.data).upright_size
        except ImageError:
            continue
        sizes[image.name] = (width, height)
    return sizes
