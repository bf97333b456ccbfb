"""What the example servers hold: 320 photos of 222 occurrences on five servers, and what is wrong with some.

Everything about the example follows from this module and `programmes.py`: the servers serve it, `make_tables.py` writes
it down as a GBIF download, and `expected.py` counts what must come of it.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from resources.example.programmes import PROGRAMMES, Programme

HOST = "127.0.0.1"
FIRST_PORT = 8971
"""The servers take this port and the next ones, one each, in the order of `SERVERS`."""
SERVERS = ("fast", "mixed", "slow", "limited", "broken")

SIZES = ((320, 240), (640, 480), (480, 360), (320, 240), (800, 600), (640, 480), (1024, 768), (480, 360))
"""Width and height in pixels, dealt to the photos in turn ..."""
LARGE_SIZE = (1600, 1200)
"""... except that every `LARGE_EVERY`th photo is large."""
LARGE_EVERY = 20

MIXED_ENCODINGS = (
    "jpeg", "png", "gif", "webp", "tiff", "png_16_bit", "jpeg_cmyk", "png_transparent", "jpeg_grey", "jpeg_progressive",
    "gif_animated", "png_palette",
)  # fmt: skip
ORIENTATIONS = (None, 1, 3, 6, 8)

FIRST_GBIF_ID = 4_000_000_001
FIRST_EVENT = datetime(2024, 5, 1, 6, 0, 0)
BETWEEN_EVENTS = timedelta(minutes=37)
BETWEEN_SHOTS = timedelta(seconds=3)
CAMERAS = 4

TAXA = Path(__file__).parent / "taxa.csv"
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


SOUND = "images"
"""First part of a photo's path where nothing is wrong with it; a faulty photo's sound file is there, too."""


class Fault(StrEnum):
    """What the broken server does with a photo; the value is the first part of the photo's path."""

    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    HTML = "html"
    EMPTY = "empty"
    MISSING = "missing"
    GONE = "gone"
    FORBIDDEN = "forbidden"
    FAILING = "failing"
    HANGING_UP = "hanging-up"
    REDIRECT_LOOP = "redirect-loop"
    REDIRECT = "redirect"
    FLAKY = "flaky"


BROKEN_TURNS = (
    *(turn for fault in list(Fault)[:-2] for turn in (None, fault)),
    Fault.REDIRECT,
    Fault.FLAKY,
)
"""What the broken server does with its photos, in turn: every second one is fine."""


@dataclass(frozen=True)
class Photo:
    """One image on one server.

    Attributes:
        number: From 1; the seed of its scene.
        server: One of `SERVERS`.
        encoding: One of `render.ENCODERS`.
        width: Pixels, upright.
        height: Pixels, upright.
        fault: What the server does wrong; None where it does nothing wrong.
        orientation: EXIF orientation that it is stored in; None without.
        taken: EXIF DateTimeOriginal; None without.
    """

    number: int
    server: str
    encoding: str
    width: int
    height: int
    fault: Fault | None = None
    orientation: int | None = None
    taken: datetime | None = None

    @property
    def path(self) -> str:
        """Path on its server, such as `/images/0007.jpeg` or `/truncated/0300.jpeg`."""
        return f"/{self.fault or SOUND}/{self.number:04d}.{self.format}"

    @property
    def format(self) -> str:
        """`jpeg`, `png`, ...: the file's suffix, and what follows `image/` in its media type."""
        return self.encoding.partition("_")[0]


@dataclass(frozen=True)
class Occurrence:
    """One GBIF occurrence with its photos; `taxon` maps the ranks and `taxonomicStatus` to text."""

    gbif_id: int
    programme: Programme
    taxon: dict[str, str]
    time: datetime
    photos: tuple[Photo, ...]

    @property
    def camera(self) -> str:
        """Name of the camera that took the photos."""
        return f"Camera {self.gbif_id % CAMERAS + 1}"


def address(server: str, first_port: int = FIRST_PORT) -> str:
    """host:port of a server."""
    return f"{HOST}:{first_port + SERVERS.index(server)}"


def occurrences() -> tuple[Occurrence, ...]:
    """The whole collection, in the order of the tables; the same in every call."""
    taxa = _read_taxa()
    photos_on = Counter[str]()
    collected: list[Occurrence] = []
    for programme in PROGRAMMES:
        for turn in range(programme.occurrences):
            time = FIRST_EVENT + len(collected) * BETWEEN_EVENTS
            choices = taxa[programme.taxa]
            photos = tuple(
                _photo(programme, time + shot * BETWEEN_SHOTS, photos_on) for shot in range(programme.images_each)
            )
            gbif_id = FIRST_GBIF_ID + len(collected)
            collected.append(Occurrence(gbif_id, programme, choices[turn % len(choices)], time, photos))
    return tuple(collected)


def photos() -> tuple[Photo, ...]:
    """Every photo, by number."""
    return tuple(photo for occurrence in occurrences() for photo in occurrence.photos)


def _photo(programme: Programme, time: datetime, photos_on: Counter[str]) -> Photo:
    """The next photo; `photos_on` counts the photos of each server so far and is advanced."""
    server = programme.server
    index = photos_on[server]
    photos_on[server] += 1
    number = photos_on.total()
    width, height = LARGE_SIZE if number % LARGE_EVERY == 0 else SIZES[number % len(SIZES)]
    return Photo(
        number=number,
        server=server,
        encoding=MIXED_ENCODINGS[index % len(MIXED_ENCODINGS)] if server == "mixed" else "jpeg",
        width=width,
        height=height,
        fault=BROKEN_TURNS[index % len(BROKEN_TURNS)] if server == "broken" else None,
        orientation=ORIENTATIONS[index % len(ORIENTATIONS)] if server in ("fast", "limited") else None,
        taken=time if programme.camera else None,
    )


def _read_taxa() -> dict[str, list[dict[str, str]]]:
    taxa: dict[str, list[dict[str, str]]] = {}
    with TAXA.open(newline="") as file:
        for row in csv.DictReader(file):
            taxa.setdefault(row.pop("programme"), []).append(row)
    return taxa
