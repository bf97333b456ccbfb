"""What is fetched of a shard so far, so that nothing fetched is lost or fetched twice.

    .spool/server_name=S/partition_id=N/lock            held while a job works on the shard
    .spool/server_name=S/partition_id=N/statistics.json what the last job learned of the server
    .spool/server_name=S/partition_id=N/<key>/segment-00000.arrow ...
    .spool/server_name=S/partition_id=N/<key>/revision.json      of a shard whose failed images are asked for again
    .spool/server_name=S/partition_id=N/<key>/{successes,errors}.parquet
    .spool/server_name=S/partition_id=N/<key>.earlier/    the finished tables of before, while all is fetched again
    .spool/server_name=S/partition_id=N/requests*         every request that was sent

A segment is a set of finished rows, written whole. The two tables are put together from the segments, and linked into
the images folder once all rows are there. The links stay: when Snakemake deletes a finished output, it is linked back
instead of fetched again. The key is made of the batch's bytes and of what decides the stored images' bytes, so that
other settings fetch anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from treeline.config_download import DownloaderParameters
from treeline.download.revision import Revision
from treeline.errors import TreelineError
from treeline.io.atomic import atomic_path, write_text
from treeline.io.page_cache import forget

SEGMENT_ROWS = 256
SEGMENT_BYTES = 16 * 1024**2
SEGMENT_SECONDS = 30.0
ROWS_AT_ONCE = 16

REMEMBERED_SEGMENTS = 16
"""Of the latest segments the system may remember so many: a small shard is put together without reading the disk."""

IMAGE_PARAMETERS = ("image_size", "image_format", "jpeg_quality", "exif_orientation")
"""The parameters that decide which bytes are stored of an image; limits only decide of which images."""

ORIGIN = ("batch_sha256", "parameters")
"""What the bytes of a shard depend on; kept in its tables' metadata."""

SEGMENT = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("hashsum_original", pa.string()),
        pa.field("hashsum_resized", pa.string()),
        pa.field("original_size", pa.list_(pa.int64())),
        pa.field("resized_size", pa.list_(pa.int64())),
        pa.field("image", pa.binary()),
        pa.field("retry_count", pa.int64(), nullable=False),
        pa.field("error_code", pa.int64()),
        pa.field("error_msg", pa.string()),
    ]
)
"""One finished row of a batch: an image, or an error (then `error_code` is set). `row` counts from 0."""

IMAGE_BYTES = pa.field("image_bytes", pa.int32())
"""What a segment has beside these columns: the image's length, so that it can be known without the image."""


class ShardBusyError(TreelineError):
    """Another job works on the shard."""


class Finished(NamedTuple):
    """Where each finished row of a batch lies.

    Args:
        files: The segments.
        rows: Row numbers, ascending, each once.
        segments: For each row, the number of its segment among `files`.
        positions: For each row, its place in the segment.
        failed: For each row, whether it is an error.
        sizes: For each row, the bytes of its image.
    """

    files: list[Path]
    rows: npt.NDArray[np.int64]
    segments: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    failed: npt.NDArray[np.bool_]
    sizes: npt.NDArray[np.int64]


class Spool:
    """The spool of one shard.

    Args:
        folder: `.spool/server_name=S/partition_id=N`.
        origin: What the shard is made of, as `origin_of` says and as the finished tables' metadata keep it.
    """

    def __init__(self, folder: Path, origin: Mapping[str, str]) -> None:
        self.origin = {name: origin[name] for name in ORIGIN}
        key = hashlib.sha256("\n".join(self.origin.values()).encode()).hexdigest()[:16]
        self.shard_folder = folder
        self.folder = folder / key
        self.earlier = folder / f"{key}.earlier"
        self._segments_so_far: int | None = None
        self._remembered: deque[Path] = deque()
        self._facts_of: dict[Path, tuple[npt.NDArray[Any], ...]] = {}

    @property
    def holds_raw_pixels(self) -> bool:
        """Whether its images are stored without any compression of their own."""
        image_format = json.loads(self.origin["parameters"])["image_format"]
        return bool(image_format == "raw_bgr")

    @property
    def facts(self) -> dict[str, str]:
        """What the finished tables' metadata say: the origin, and of a retried shard its revision."""
        revision = self.folder / "revision.json"
        return {**self.origin, **(json.loads(revision.read_text(encoding="utf-8")) if revision.exists() else {})}

    def set_revision(self, revision: Revision) -> None:
        """Say which revision the tables are that will be put together next."""
        write_text(self.folder / "revision.json", json.dumps(revision.facts()))

    @property
    def successes(self) -> Path:
        """The finished table of images."""
        return self.folder / "successes.parquet"

    @property
    def errors(self) -> Path:
        """The finished table of errors; written last."""
        return self.folder / "errors.parquet"

    @property
    def is_complete(self) -> bool:
        """Whether both finished tables are there."""
        return self.successes.exists() and self.errors.exists()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other job off this shard; the system lets go of the lock when the job ends, however it ends.

        Raises:
            ShardBusyError: Another job holds the lock; says which.
        """
        self.shard_folder.mkdir(parents=True, exist_ok=True)
        with (self.shard_folder / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise ShardBusyError(
                    f"{self.shard_folder}: {holder} is downloading this shard. Wait for it to end, or stop it."
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
            yield

    def next_segment(self) -> Path:
        """Path of a new segment, a new one with each call."""
        if self._segments_so_far is None:
            segments = self._segments()
            self._segments_so_far = int(segments[-1].stem.removeprefix("segment-")) + 1 if segments else 0
        self._segments_so_far += 1
        return self.folder / f"segment-{self._segments_so_far - 1:05d}.arrow"

    def write_segment(self, rows: Sequence[dict[str, Any]], target: Path | None = None) -> Path:
        """Keep finished rows, each a mapping of the columns of `SEGMENT`; whole or not at all.

        Args:
            rows: Finished rows.
            target: From `next_segment`, where that has been called already.

        Raises:
            OSError: The disk is full or not writable; the segments so far are as they were.
        """
        return self.write_table(as_segment(rows), target)

    def write_table(self, table: pa.Table, target: Path | None = None) -> Path:
        """Keep finished rows that are a table of `SEGMENT` already; as `write_segment`."""
        target = target or self.next_segment()
        table = table.append_column(IMAGE_BYTES, pc.binary_length(table["image"]))
        with atomic_path(target) as temporary, pa.ipc.new_file(temporary, table.schema) as writer:
            writer.write_table(table)
        self._remembered.append(target)
        if len(self._remembered) > REMEMBERED_SEGMENTS:
            forget(self._remembered.popleft())
        return target

    def finished(self) -> Finished:
        """Find out which rows are finished, and where each lies."""
        files = self._segments()
        columns = []
        for number, file in enumerate(files):
            if file not in self._facts_of:
                self._facts_of[file] = _read_facts(file)
            rows, failed, sizes = self._facts_of[file]
            columns.append((rows, np.full(len(rows), number), np.arange(len(rows)), failed, sizes))
        rows, segments, positions, failed, sizes = (
            (np.concatenate(column) for column in zip(*columns, strict=True)) if columns else np.zeros((5, 0), np.int64)
        )
        # A row is in two segments only if two jobs once worked on the shard; either will do.
        rows, first = np.unique(rows, return_index=True)
        return Finished(files, rows, segments[first], positions[first], failed[first].astype(bool), sizes[first])

    def remove_segments(self) -> None:
        """Remove the segments and the earlier version, once the finished tables hold all of them."""
        for segment in self._segments():
            segment.unlink()
        self._facts_of.clear()
        shutil.rmtree(self.earlier, ignore_errors=True)

    def set_aside(self) -> None:
        """Begin anew, with what is finished as the earlier version."""
        shutil.rmtree(self.earlier, ignore_errors=True)
        self._facts_of.clear()
        self.folder.rename(self.earlier)

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("segment-*.arrow"))


def as_segment(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Lay out finished rows as a table.

    Some rows at a time: each conversion holds up all other threads, and with them requests whose turn has come.
    """
    parts = [
        pa.Table.from_pylist(list(rows[start : start + ROWS_AT_ONCE]), schema=SEGMENT)
        for start in range(0, len(rows), ROWS_AT_ONCE)
    ]
    return pa.concat_tables(parts)


def origin_of(batch_sha256: str, parameters: DownloaderParameters) -> dict[str, str]:
    """Say what a shard is made of: the batch, and the parameters named in `IMAGE_PARAMETERS`."""
    image_parameters = json.dumps(parameters.model_dump(include=set(IMAGE_PARAMETERS)), sort_keys=True)
    return {"batch_sha256": batch_sha256, "parameters": image_parameters}


def read_segment(segment: Path) -> pa.Table:
    """Map a segment into memory; nothing is read before it is used."""
    with pa.memory_map(str(segment)) as source:
        return pa.ipc.open_file(source).read_all()


def _read_facts(segment: Path) -> tuple[npt.NDArray[Any], ...]:
    """Read of a segment's rows: their numbers, whether each is an error, and the bytes of its image.

    Mapped into memory, the images would be read ahead, too. The arrays are copies, as Arrow makes room for the images.
    """
    with pa.OSFile(str(segment)) as source:
        names = pa.ipc.open_file(source).schema.names
        wanted = [names.index(name) for name in ("row", "error_code", "image_bytes")]
        facts = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=wanted)).read_all()
    columns = (facts["row"], facts["error_code"].is_valid(), facts["image_bytes"].fill_null(0))
    return tuple(np.array(column.to_numpy()) for column in columns)


def write_statistics(folder: Path, statistics: dict[str, Any]) -> None:
    """Keep what a job learned, for the next shard of the lane and for the profiles table."""
    write_text(folder / "statistics.json", json.dumps(statistics, indent=1) + "\n")


def read_statistics(folder: Path) -> dict[str, Any]:
    """Read what the last job on a shard learned; empty where there was none."""
    try:
        statistics: dict[str, Any] = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return statistics
