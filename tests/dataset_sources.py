"""Sources of small datasets, and their descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import yaml
from PIL import Image
from rasterio.transform import Affine, from_origin

from tests.shards import encode
from treeline.datasets.build import write_measured, write_source
from treeline.io.datasets.metadata import Metadata

UTM33 = "EPSG:32633"


def photo(seed: int, width: int = 96, height: int = 64) -> npt.NDArray[np.uint8]:
    """Soft spots of colour: two seeds look different, and a photo and its smaller copy alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def jpeg(seed: int, width: int = 96, height: int = 64, **options: Any) -> bytes:
    return encode(Image.fromarray(photo(seed, width, height)), "JPEG", quality=95, **options)


def write_photos(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_raster(
    file: Path, bands: npt.NDArray[Any], *, transform: Affine | None = None, nodata: float | None = None
) -> Path:
    """Write height x width x bands as a GeoTIFF: pixels of 10 x 10 m in UTM zone 33 where nothing else is said."""
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = bands.shape
    facts = {"crs": UTM33, "transform": transform or from_origin(500_000, 5_400_000, 10, 10), "nodata": nodata}
    with rasterio.open(file, "w", "GTiff", width, height, count, dtype=bands.dtype, **facts) as raster:
        raster.write(np.moveaxis(bands, -1, 0))
        raster.descriptions = [f"B{number}" for number in range(1, count + 1)]
    return file


def write_mask(file: Path, numbers: npt.NDArray[np.uint8]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(numbers).save(file)
    return file


def describe(file: Path, source: dict[str, Any], task: str = "multiclass", **more: Any) -> Path:
    """Write a description."""
    content = {"title": "Test", "source": source, "task": task, "splits": {"kind": "random"}} | more
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def listed(folder: Path, source: dict[str, Any], task: str = "multiclass", **more: Any) -> Metadata:
    """The metadata of a source step."""
    return write_source(describe(folder / "tested.yaml", source, task, **more), folder / "00")


def measured(folder: Path, source: dict[str, Any], task: str = "multiclass", **more: Any) -> Metadata:
    """The metadata after measuring, in `01`."""
    listed(folder, source, task, **more)
    return write_measured(folder / "00/metadata.h5", folder / "tested.yaml", folder / "01", threads=2)
