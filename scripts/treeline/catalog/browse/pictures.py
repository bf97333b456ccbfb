"""Find the pixels of an image of the catalogue, and make a JPEG of them that a browser can show.

The catalogue holds no pixels. They are in a folder of images, or in an output folder of Treeline: there in decoded
archives, or in the shards themselves, by their uuids.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import gettempdir
from threading import Lock

import duckdb
import pyarrow as pa

from treeline.config import OutputStructure
from treeline.errors import ImageError, InputError, ShardError
from treeline.io.database import connect, quote_path
from treeline.io.encode import encode_jpeg
from treeline.io.folders import read_file_below
from treeline.io.images import Pixels, open_stored
from treeline.io.names import IMAGE_EXTENSIONS
from treeline.io.resize import decode_reduced, fit, reduce
from treeline.io.shard_images import read_wanted, row_groups
from treeline.io.tar import index_of, read_member, read_members
from treeline.paths import Paths

FULL_SIDE = 1600
"""Longest side in pixels of a picture on its own."""

THUMBNAIL_SIDE = 480
JPEG_QUALITY = 85
REMEMBERED_BYTES = 64 * 1024**2
REMEMBERED_SHARDS = 100_000
SCAN_MEMORY_MIB = 512
NOT_THERE = "is not among the images that --images names"

_SHARD = re.compile(r"(?:^|/)(server_name=[^/]+/partition_id=[^/]+)/")


class Pictures:
    """The pictures of one folder; used by several threads at once.

    Args:
        root: Folder of images, or `path_to_output` of a collection.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(root, "no such folder.", fix="Give a folder of images, or Treeline's output folder.")
        self._root = root
        self._paths = Paths(root, OutputStructure())
        self._shards: OrderedDict[str, Path | None] = OrderedDict()
        self._jpegs: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._lock = Lock()

    def jpeg(self, dataset: str, file: str, uuid: str | None, longest_side: int) -> bytes:
        """An image, upright, as a JPEG of at most `longest_side` pixels, without what EXIF says of place and camera.

        Args:
            dataset: Its data set.
            file: Its name in the catalogue.
            uuid: Of its row in a shard.
            longest_side: In pixels.

        Raises:
            ImageError: It is not there, or cannot be read.
        """
        key = (dataset, file, longest_side)
        with self._lock:
            if key in self._jpegs:
                self._jpegs.move_to_end(key)
                return self._jpegs[key]
        jpeg = encode_jpeg(self._pixels(dataset, file, uuid, longest_side), JPEG_QUALITY)
        with self._lock:
            self._jpegs[key] = jpeg
            while sum(map(len, self._jpegs.values())) > REMEMBERED_BYTES:
                self._jpegs.popitem(last=False)
        return jpeg

    def locate(self, uuids: Sequence[str]) -> None:
        """Find the shards of some images at once, which takes no longer than that of one."""
        with self._lock:
            unknown = [uuid for uuid in uuids if uuid not in self._shards]
            if not unknown:
                return
            found = _find_shards(self._paths, unknown)
            self._shards.update({uuid: found.get(uuid) for uuid in unknown})
            while len(self._shards) > REMEMBERED_SHARDS:
                self._shards.popitem(last=False)

    def _pixels(self, dataset: str, file: str, uuid: str | None, longest_side: int) -> Pixels:
        for name in (file, f"{dataset}/{file}"):
            if (data := _read(self._root, name)) is not None:
                return decode_reduced(data, longest_side)
        try:
            return self._pixels_of_shard(file, uuid, longest_side)
        except ShardError as error:
            raise ImageError(str(error)) from error

    def _pixels_of_shard(self, file: str, uuid: str | None, longest_side: int) -> Pixels:
        uuid = uuid or PurePosixPath(file).stem
        if named := _SHARD.search(file):
            for folder in (self._root, self._paths.decoded):
                if (data := _read_decoded(folder / named[1], file, uuid)) is not None:
                    return decode_reduced(data, longest_side)
            shard: Path | None = self._paths.images / named[1] / "successes.parquet"
        else:
            self.locate([uuid])
            shard = self._shards.get(uuid)
        if shard is None or not shard.is_file():
            raise ImageError(NOT_THERE)
        return _read_row(shard, uuid, longest_side)


def _read(folder: Path, name: str) -> bytes | None:
    try:
        return read_file_below(folder, name)
    except ImageError:
        return None


def _read_decoded(shard: Path, file: str, uuid: str) -> bytes | None:
    """Read an image of a decoded shard: a folder, or an archive with or without an index."""
    ending = PurePosixPath(file).suffix
    endings = [ending, *(f".{extension}" for extension in IMAGE_EXTENSIONS.values() if f".{extension}" != ending)]
    names = [f"{uuid}{ending}" for ending in endings]
    for name in names:
        if (data := _read(shard, name)) is not None:
            return data
    plain, compressed = (shard.with_name(f"{shard.name}{suffix}") for suffix in (".tar", ".tar.gz"))
    if plain.is_file() and index_of(plain).is_file():
        return next(filter(None, (_read_indexed(plain, name) for name in names)), None)
    for archive in filter(Path.is_file, (plain, compressed)):
        return next((member.data for member in read_members(archive) if member.name in names), None)
    return None


def _read_indexed(archive: Path, name: str) -> bytes | None:
    try:
        return read_member(archive, name)
    except ShardError:
        return None


def _read_row(shard: Path, uuid: str, longest_side: int) -> Pixels:
    wanted = pa.array([uuid])
    for group in row_groups(shard.parent, shard.name, wanted):
        for _, batch in read_wanted(group):
            row = batch.to_pylist()[0]
            sizes = [tuple(row[name]) for name in ("original_size", "resized_size") if row[name]]
            pixels = open_stored(row["image"] or b"", sizes).pixels
            return reduce(pixels, fit((pixels.shape[0], pixels.shape[1]), longest_side))
    raise ImageError(NOT_THERE)


def _find_shards(paths: Paths, uuids: Sequence[str]) -> dict[str, Path]:
    """The shards that hold some images: by the list that `lookup` makes, or else by a look into each shard."""
    root = paths.root
    if paths.lookup_images.is_file():
        table = f"SELECT uuid, path FROM read_parquet({quote_path(paths.lookup_images)})"
    elif shards := sorted(paths.images.glob("server_name=*/partition_id=*/successes.parquet")):
        listed = ", ".join(map(quote_path, shards))
        below_root = len(str(root / "_"))
        table = (
            f"SELECT uuid, substr(filename, {below_root}) AS path"
            f" FROM read_parquet([{listed}], filename = true, hive_partitioning = false)"
        )
    else:
        return {}
    with connect(Path(gettempdir()), memory_mb=SCAN_MEMORY_MIB, threads=2) as connection:
        try:
            rows = connection.execute(f"{table} WHERE list_contains($uuids, uuid)", {"uuids": list(uuids)}).fetchall()
        except duckdb.Error as error:
            raise ShardError(root, f"the shards cannot be read ({str(error).partition(chr(10))[0]}).") from error
    return {uuid: root / path for uuid, path in rows}
