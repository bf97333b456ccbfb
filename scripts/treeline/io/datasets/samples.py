"""From a dataset's metadata to the bytes and pixels of its samples, before it has an encoding of its own.

What samples are called is joined with what there is in tables on disk, so that memory does not grow with their number.
Names and paths are bytes there, for those of files need not be text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError, InputError
from treeline.io.datasets.metadata import Facts, Metadata
from treeline.io.disk_tables import DiskTables, disk_tables, put_frame
from treeline.io.image_sources import Kind, Place, list_images, load_from, same_name
from treeline.io.images import Size, decode, sniff_format

Bands: TypeAlias = npt.NDArray[np.generic]
"""Height x width x channels: RGB bytes of a photo, or the bands of a raster in its own type."""
Mask: TypeAlias = npt.NDArray[np.uint8]
"""Height x width: the number of a class at each pixel."""


NOT_LABELLED = 255
"""Value of a mask's pixels that belong to no class."""

_PLACES = """
    CREATE TABLE places (
        number INTEGER PRIMARY KEY, -- of those of an archive, in its order
        source INTEGER,
        path BLOB,
        kind TEXT,
        name BLOB
    )
"""

_TWICE = """
    SELECT other.source, name, one.path, other.path FROM places AS one JOIN places AS other USING (name)
    WHERE one.number < other.number ORDER BY name LIMIT 1
"""

_MISSING = """
    WITH missing (name) AS (
        SELECT image_path FROM samples
        WHERE NOT EXISTS (SELECT 1 FROM places WHERE name = CAST(image_path AS BLOB))
        UNION ALL
        SELECT mask_path FROM samples
        WHERE mask_path != '' AND NOT EXISTS (SELECT 1 FROM places WHERE name = CAST(mask_path AS BLOB))
    )
    SELECT name, (SELECT count(DISTINCT name) FROM missing) FROM missing LIMIT 1
"""

_WANTED = """
    SELECT image.source, image.path, image.number, image.kind, image.name, id, false, mask.path, mask.kind
    FROM samples
    JOIN places AS image ON image.name = CAST(image_path AS BLOB)
    LEFT JOIN places AS mask ON mask.name = CAST(mask_path AS BLOB)
    WHERE coalesce(mask_path, '') = '' OR mask.number IS NOT NULL
    UNION ALL
    SELECT mask.source, mask.path, mask.number, mask.kind, mask.name, id, true, mask.path, mask.kind
    FROM samples
    JOIN places AS image ON image.name = CAST(image_path AS BLOB)
    JOIN places AS mask ON mask.name = CAST(mask_path AS BLOB)
    WHERE mask.kind != 'file'
    ORDER BY 1, 2, 3
"""
"""Images, and masks that are in a file together with others, in the order in which they are best read."""


class Sample(NamedTuple):
    """The bytes of a sample.

    Args:
        id: The key in the tables.
        data: The encoded image.
        mask: The encoded mask, where the task has masks.
    """

    id: int
    data: bytes
    mask: bytes | None


class _Wanted(NamedTuple):
    """A row of `_WANTED`; the last two fields are those of the sample's mask, None where it has none."""

    source: int
    path: bytes
    number: int
    kind: Kind
    name: bytes
    id: int
    is_mask: bool
    mask_path: bytes | None
    mask_kind: Kind | None


def read_samples(metadata: Metadata, *, skip_missing: bool = False) -> Iterator[Sample]:
    """Read every sample once, in the order in which they lie in their archives.

    Args:
        metadata: What there is. Masks are files of their own, or stand in their image's archive, next to it.
        skip_missing: Pass over samples whose image or mask is not there.

    Raises:
        InputError: An image or a mask is not there; names the first, and says how many.
        ShardError: An archive is damaged.
    """
    with disk_tables() as database:
        database.execute("CREATE TABLE samples (id INTEGER, image_path TEXT, mask_path TEXT)")
        put_frame(database, "samples", metadata.index)
        yield from load_samples(database, metadata.facts, skip_missing=skip_missing)


def load_samples(database: DiskTables, facts: Facts, *, skip_missing: bool = False) -> Iterator[Sample]:
    """Read every sample once, in the order in which they lie in their archives.

    Args:
        database: Has the table `samples`, with `id`, `image_path` and `mask_path`; gets a table `places`.
        facts: Of the dataset.
        skip_missing: Pass over samples whose image or mask is not there.

    Raises:
        InputError: Two images have the same name; an image or a mask is not there: names the first, and says how
            many; or an archive lost images while it was read.
        ShardError: An archive is damaged.
    """
    _list_places(database, facts)
    if not skip_missing:
        _check_all_there(database, facts)
    waiting: dict[int, bytes] = {}
    for row, data in _load(map(_Wanted._make, database.execute(_WANTED))):
        if row.mask_path is None or row.mask_kind == "file":
            yield Sample(row.id, data, row.mask_path and Path(_path(row.mask_path)).read_bytes())
        elif row.id not in waiting:
            waiting[row.id] = data
        elif row.is_mask:
            yield Sample(row.id, waiting.pop(row.id), data)
        else:
            yield Sample(row.id, data, waiting.pop(row.id))


def decode_bands(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Bands:
    """Decode an image: a photo as upright RGB, a TIFF with all its bands in its own type.

    Raises:
        ImageError: The bytes are no image, are corrupt, or hold more than `max_pixels`.
    """
    if sniff_format(data) != "tiff":
        return decode(data, max_pixels=max_pixels)
    from treeline.io.rasters import read_raster

    return np.ma.getdata(read_raster(data, max_pixels=max_pixels).bands)


def read_mask(data: bytes, size: Size, classes: int) -> Mask:
    """Decode the mask of an image, and check that it belongs to it.

    Args:
        data: The encoded mask.
        size: Height and width of the image.
        classes: Number of classes, which the mask's values are below.

    Raises:
        ImageError: The bytes are no mask, it has another size, or a value that is no class.
    """
    try:
        mask = decode_mask(data)
    except ImageError as error:
        raise ImageError(f"its mask cannot be read: {error}") from None
    if mask.shape != size:
        height, width = mask.shape
        raise ImageError(f"its mask is of {width} x {height} pixels, the image of {size[1]} x {size[0]}")
    beyond = mask[(mask >= classes) & (mask != NOT_LABELLED)]
    if beyond.size:
        raise ImageError(
            f"its mask holds {beyond[0]}: there are {classes} classes, from 0, and {NOT_LABELLED} for none"
        )
    return mask


def decode_mask(data: bytes) -> Mask:
    """Decode a mask: the first band, as it is stored; a palette's numbers, not its colours.

    Raises:
        ImageError: The bytes are no lossless image of at most 8 bits.
    """
    import io

    from PIL import Image

    if (found := sniff_format(data)) not in ("png", "tiff", "bmp", "gif"):
        raise ImageError(f"a mask is a PNG, TIFF, BMP or GIF, found {found or 'no image'}")
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"corrupt mask: {error}") from None
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"a mask has 8 bits a pixel, found {pixels.dtype}")
    return pixels


def _load(rows: Iterator[_Wanted]) -> Iterator[tuple[_Wanted, bytes]]:
    for (path, kind), group in groupby(rows, key=lambda row: (row.path, row.kind)):
        wanted: dict[str, list[_Wanted]] = {}
        for row in group:
            wanted.setdefault(os.fsdecode(row.name), []).append(row)
        place = Place(_path(path), kind)
        for image in load_from(place, set(wanted)):
            yield from ((row, image.data) for row in wanted.pop(image.name, ()))
        if wanted:
            raise InputError(place.path, f"{min(wanted)} is no longer in it.", fix="Leave it alone while it is read.")


def _list_places(database: DiskTables, facts: Facts) -> None:
    database.execute(_PLACES)
    for number, source in enumerate(facts.images):
        rows = (
            (number, _ordered(place.location), place.kind, os.fsencode(name))
            for name, place in list_images(Path(source), Path("/"), is_sorted=False)
        )
        database.executemany("INSERT INTO places (source, path, kind, name) VALUES (?, ?, ?, ?)", rows)
    database.execute("CREATE INDEX places_by_name ON places (name)")
    for number, name, one, other in database.execute(_TWICE):
        raise same_name(Path(facts.images[number]), os.fsdecode(name), Path(_path(one)), Path(_path(other)))


def _check_all_there(database: DiskTables, facts: Facts) -> None:
    for name, count in database.execute(_MISSING):
        raise InputError(
            facts.images[0] if facts.images else facts.name,
            f"{name} is not there; {count:,} of the dataset's files are missing.",
            fix="Bring them back, or leave them out with the step `drop_missing`.",
        )


def _ordered(path: str) -> bytes:
    """A path that sorts by its parts: what stands between them comes before all that stands in them."""
    return os.fsencode(path).replace(b"/", b"\0")


def _path(ordered: bytes) -> str:
    return os.fsdecode(ordered.replace(b"\0", b"/"))
