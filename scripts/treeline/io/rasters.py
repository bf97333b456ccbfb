"""GeoTIFF files: where they lie on the ground, and their bands in their own type."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError
from treeline.io.images import Size, check_pixels

# Drawn anew each time: a reason must not depend on it.
_NAME_IN_MEMORY = re.compile(r"\S*[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\S*\s*")

# A raster that lies nowhere is an image like any other.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


class RasterHeader(NamedTuple):
    """What a raster says of itself.

    Args:
        crs: Coordinate reference system: `EPSG:32633`, or WKT where it has no number; empty where it has none.
        x_offset: Left edge, in units of the crs; NaN where it lies nowhere.
        y_offset: Upper edge.
        x_gsd: Width of a pixel on the ground, in units of the crs: columns go with x.
        y_gsd: Height of a pixel on the ground: rows go against y where it is positive, as it mostly is.
        bands: Names of the bands; `band_1`, `band_2`, ... where they have none.
    """

    crs: str
    x_offset: float
    y_offset: float
    x_gsd: float
    y_gsd: float
    bands: tuple[str, ...]


class Raster(NamedTuple):
    """A raster that was read.

    Args:
        header: What it says of itself.
        bands: Height x width x bands; what is not there is masked.
    """

    header: RasterHeader
    bands: np.ma.MaskedArray[Any, np.dtype[Any]] | npt.NDArray[Any]


def read_header(data: bytes) -> RasterHeader:
    """Read where a raster lies, without its pixels.

    Raises:
        ImageError: The bytes are no raster, or it is turned against its coordinates.
    """
    with _opened(data) as file:
        return _header(file)


def read_raster(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Raster:
    """Read a raster with all its bands.

    Raises:
        ImageError: As `read_header`; or the pixels are corrupt, or more than `max_pixels`.
    """
    with _opened(data) as file:
        check_pixels(file.shape, max_pixels)
        bands = np.ma.MaskedArray(file.read(masked=True))
        bands = np.moveaxis(bands, 0, -1)
        return Raster(_header(file), bands if np.ma.is_masked(bands) else np.ascontiguousarray(bands.data))


def raster_size(data: bytes) -> Size:
    """Read a raster's height and width, without its pixels.

    Raises:
        ImageError: The bytes are no raster.
    """
    with _opened(data) as file:
        return file.height, file.width


def encode_raster(bands: npt.NDArray[np.generic]) -> bytes:
    """Encode height x width x bands as a GeoTIFF in their own type, without loss; it lies nowhere."""
    height, width, count = bands.shape
    profile = {"height": height, "width": width, "count": count, "dtype": bands.dtype, "compress": "deflate"}
    with MemoryFile() as file:
        with file.open(driver="GTiff", **profile) as raster:
            raster.write(np.moveaxis(bands, -1, 0))
        return bytes(file.read())


def _header(file: DatasetReader) -> RasterHeader:
    transform = file.transform
    if transform.b or transform.d:
        raise ImageError("it is turned against its coordinates: warp it to lie along them")
    bands = tuple(name or f"band_{number}" for number, name in enumerate(file.descriptions, start=1))
    crs = "" if file.crs is None else file.crs.to_string()
    if not crs and transform.is_identity:
        return RasterHeader(crs, np.nan, np.nan, np.nan, np.nan, bands)
    return RasterHeader(crs, transform.c, transform.f, transform.a, -transform.e, bands)


@contextmanager
def _opened(data: bytes) -> Iterator[DatasetReader]:
    try:
        with MemoryFile(data) as file, file.open() as raster:
            yield raster
    except RasterioError as error:
        raise ImageError(f"corrupt TIFF: {_NAME_IN_MEMORY.sub('', str(error))}") from None
