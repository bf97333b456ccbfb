"""Bring images, masks and boxes to one size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from treeline.io.datasets.metadata import ID, Metadata
from treeline.io.datasets.samples import Bands, Mask
from treeline.io.images import Size
from treeline.io.resize import reduce

Sizes = npt.NDArray[np.int64]
"""Samples x 2: height and width of each, in pixels."""


def resize_bands(bands: Bands, size: Size) -> Bands:
    """Resize an image to height x width `size`, in its own type; RGB bytes as the downloader reduces them."""
    if bands.shape[:2] == size:
        return bands
    is_reduction = size[0] <= bands.shape[0] and size[1] <= bands.shape[1]
    if is_reduction and bands.dtype == np.uint8 and bands.shape[2] == 3:
        return reduce(bands.astype(np.uint8, copy=False), size)
    # One band at a time, as float64: OpenCV resizes neither every type nor every number of channels.
    how = cv2.INTER_AREA if is_reduction else cv2.INTER_LINEAR
    planes = [
        cv2.resize(plane.astype(np.float64), size[::-1], interpolation=how) for plane in np.moveaxis(bands, -1, 0)
    ]
    return _as_type(np.stack(planes, axis=-1), bands.dtype)


def resize_mask(mask: Mask, size: Size) -> Mask:
    """Resize a mask to height x width `size`: each pixel is the nearest one's class."""
    if mask.shape == size:
        return mask
    rows, columns = (
        ((np.arange(target) + 0.5) * source / target).astype(np.int64)
        for target, source in zip(size, mask.shape, strict=True)
    )
    return np.ascontiguousarray(mask[rows[:, None], columns])


def resize_tables(metadata: Metadata, sizes: Sizes, size: Size) -> Metadata:
    """Change what the tables say of pixels: boxes, width and height, and the ground that a pixel covers.

    Args:
        metadata: Tables of the images as they were.
        sizes: What these were, in the order of the index.
        size: Height and width of each now.
    """
    factors = pd.DataFrame(np.asarray(size) / sizes, index=metadata.index[ID].to_numpy(), columns=["y", "x"])
    tables = {}
    if (boxes := metadata.tables.get("boxes")) is not None:
        tables["boxes"] = resize_boxes(boxes, factors)
    if (spatial := metadata.tables.get("spatial")) is not None:
        ground = factors.loc[spatial[ID]].reset_index(drop=True)
        covered = {f"{axis}_gsd": spatial[f"{axis}_gsd"] / ground[axis] for axis in "xy" if f"{axis}_gsd" in spatial}
        tables["spatial"] = spatial.assign(image_height=size[0], image_width=size[1], **covered)
    return metadata.with_tables(**tables)


def resize_boxes(boxes: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
    """Scale boxes.

    Args:
        boxes: Rows of the table `boxes`.
        factors: By id, by how much `x` and `y` have grown.
    """
    grown = factors.loc[boxes[ID]].set_axis(boxes.index)
    sides = {"x": "x", "width": "x", "y": "y", "height": "y"}
    return boxes.assign(**{column: boxes[column] * grown[axis] for column, axis in sides.items()})


def _as_type(values: npt.NDArray[np.float64], dtype: np.dtype[np.generic]) -> Bands:
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    bounds = np.iinfo(np.dtype(dtype.str))
    return np.clip(np.rint(values), bounds.min, bounds.max).astype(dtype)
