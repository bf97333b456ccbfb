"""URL batches and images that tests of several stages make."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from treeline.io.images import Pixels
from treeline.io.names import server_of_folder
from treeline.io.parquet import sha256_of_file, write_table
from treeline.schemas import MANIFEST, URL_COLUMNS


def write_batch(path: Path, urls: Sequence[str], **columns: Sequence[str | None]) -> Path:
    """Write a batch of URLs; `columns` replaces what is made up for the others."""
    rows = {
        "uuid": [f"uuid-{number:05d}" for number in range(len(urls))],
        "identifier": list(urls),
        "source_id": [f"occurrence {number}" for number in range(len(urls))],
        "license": ["CC0"] * len(urls),
        "source": ["a museum"] * len(urls),
        "title": ["a photo"] * len(urls),
        **columns,
    }
    write_table(path, pa.table({name: pa.array(rows[name], pa.string()) for name in URL_COLUMNS}))
    return path


def list_batches(urls: Path) -> Path:
    """Write the manifest of the batches in a folder."""
    rows = [
        {
            "server_name": server_of_folder(batch),
            "partition_id": int(batch.parent.name.partition("=")[2]),
            "rows": pq.read_metadata(batch).num_rows,
            "sha256": sha256_of_file(batch),
        }
        for batch in urls.glob("*/*/urls.parquet")
    ]
    rows.sort(key=lambda row: (row["server_name"], row["partition_id"]))
    write_table(urls / "manifest.parquet", pa.Table.from_pylist(rows, schema=MANIFEST))
    return urls / "manifest.parquet"


def photo(width: int = 64, height: int = 48, seed: int = 0) -> Pixels:
    """A smooth, coloured picture, so that lossy formats come close to it."""
    generator = np.random.default_rng(seed)
    corners = Image.fromarray(generator.integers(0, 256, (3, 4, 3), dtype=np.uint8))
    return np.asarray(corners.resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels: Pixels, file_format: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file of some format, by Pillow."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def rotated_jpeg(pixels: Pixels, orientation: int) -> bytes:
    """A JPEG whose EXIF says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(pixels, "JPEG", quality=95, exif=exif.tobytes())
