"""What the benchmarks need of a downloader, and Treeline's own; `peers` has the others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from treeline.schemas import URL_COLUMNS

IMAGE_SIZE = 256
JPEG_QUALITY = 95
CONCURRENCY = 32

Images = dict[str, bytes]
"""Stored images that PIL can read, by URL."""


@dataclass(frozen=True)
class Stored:
    """What a run left.

    Args:
        count: Number of images.
        size: Bytes of the files that hold them.
        images: Those that were asked for.
    """

    count: int
    size: int
    images: Images


class Downloader(Protocol):
    """A program that stores the images of a list of URLs in Parquet files."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that it runs with, beside the present ones."""

    @property
    def is_available(self) -> bool:
        """Whether it can be run here."""

    def prepare(self, folder: Path, urls: Sequence[str], *, resize: bool) -> list[str]:
        """Write what it reads into an empty folder, and give the command that downloads into that folder.

        The images come in the size they are served or, with `resize`, their longest side is `IMAGE_SIZE`.
        """

    def stored(self, folder: Path, wanted: Set[str]) -> Stored:
        """Look at what the command left; `wanted` are the URLs whose images are read."""


class Treeline:
    """One job of the download stage, as its rule runs it, for one shard that nothing slows down.

    Args:
        parameters: `downloader_parameters` that differ from those of the benchmark.
        options: More options of the command.
    """

    name = "treeline"
    environment: Mapping[str, str] = {}
    is_available = True

    def __init__(self, parameters: Mapping[str, Any] | None = None, options: Sequence[str] = ()) -> None:
        self._parameters, self._options = parameters or {}, options

    def prepare(self, folder: Path, urls: Sequence[str], *, resize: bool) -> list[str]:
        """See `Downloader`."""
        batch = folder / "urls.parquet"
        write_batch(batch, urls)
        parameters = {
            "image_size": IMAGE_SIZE,
            "image_format": "jpeg" if resize else "original",
            "jpeg_quality": JPEG_QUALITY,
            "default_rate_limit": 1e6,
            "max_concurrency": CONCURRENCY,
            "allow_private_addresses": True,
            **self._parameters,
        }
        command = [sys.executable, "-m", "treeline", "download", "shard", "--batch", str(batch)]
        command += ["--output", str(folder / "shard"), "--spool", str(folder / "spool")]
        return [*command, "--parameters", json.dumps(parameters), *self._options]

    def stored(self, folder: Path, wanted: Set[str]) -> Stored:
        """See `Downloader`."""
        shard = successes_of(folder)
        images = dict(read_images([shard], ["identifier", "image"], wanted))
        return Stored(pq.read_metadata(shard).num_rows, shard.stat().st_size, images)


def successes_of(folder: Path) -> Path:
    """The images that Treeline left in a run's folder."""
    return folder / "shard" / "successes.parquet"


def write_batch(target: Path, urls: Sequence[str]) -> None:
    """Write URLs as a batch of the stage `urls`."""
    columns = {name: pa.nulls(len(urls), pa.string()) for name in URL_COLUMNS}
    columns |= {"uuid": pa.array([f"image-{number:06d}" for number in range(len(urls))]), "identifier": pa.array(urls)}
    pq.write_table(pa.table(columns), target)


def read_images(files: Iterable[Path], columns: Sequence[str], wanted: Set[str]) -> Iterator[tuple[Any, ...]]:
    """Read columns, of which the first is the URL, of the rows with a wanted URL; nothing where none is wanted."""
    for file in files if wanted else ():
        for batch in pq.ParquetFile(file).iter_batches(64, columns=list(columns)):
            urls = batch[columns[0]].to_pylist()
            for position, url in enumerate(urls):
                if url in wanted:
                    yield tuple(batch[name][position].as_py() for name in columns)
