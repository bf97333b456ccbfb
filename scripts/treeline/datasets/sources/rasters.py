"""A folder of GeoTIFF files, which have the same bands; otherwise as a folder of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from treeline.datasets.description import Description
from treeline.datasets.sources import folder
from treeline.datasets.sources.rows import SourceRows
from treeline.errors import ImageError, InputError
from treeline.io.image_sources import find_images, load_images
from treeline.io.rasters import read_header

SUFFIXES = (".tif", ".tiff")


def read(description: Description) -> SourceRows:
    """List a folder's rasters; the first says what the bands are called.

    Raises:
        InputError: As `folder.read`; there is no raster, or the first cannot be read.
    """
    rows = folder.read(description, wanted=lambda name: PurePosixPath(name).suffix.lower() in SUFFIXES)
    source = Path(description.source.path)
    if not len(rows.samples):
        raise InputError(source, f"holds no raster ({', '.join(SUFFIXES)}).", fix="Check the path.")
    first = min(rows.samples["image_path"])
    image = next(load_images(find_images([source], Path("/")), {first}))
    try:
        return replace(rows, channels=read_header(image.data).bands)
    except ImageError as error:
        raise InputError(source, f"{first}: {error}.") from None
