"""Sequences: images that a camera took in one go.

A new sequence begins where more than 60 seconds lie between two images of a location; an image without a readable time
is a sequence of its own. It is how MegaDB makes sequences where a data set has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from treeline.choices import SEQUENCE_GAP_SECONDS

DATE_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
"""As in EXIF and the results format, `YYYY:MM:DD HH:MM:SS`; ISO 8601 without a time zone too. The
catalogue's `local_time` reads more, as it takes what anybody wrote; a format of results says how its times look."""


def parse_datetime(text: object) -> datetime | None:
    """Read a local time; None for anything else."""
    match = DATE_TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        return datetime(*map(int, match.groups()))  # type: ignore[arg-type]  # six numbers
    except ValueError:
        return None


def group_into_sequences(
    locations: Sequence[str], times: Iterable[datetime | None], gap_seconds: float = SEQUENCE_GAP_SECONDS
) -> list[list[int]]:
    """Group images by location and time.

    Args:
        locations: Of each image.
        times: Of each image; None where it is unknown.
        gap_seconds: Longest time between two images of a sequence that follow each other.

    Returns:
        The places of each sequence's images, by time; images without a time come last, each alone.
    """
    timed, alone = [], []
    for place, (location, time) in enumerate(zip(locations, times, strict=True)):
        if time is None:
            alone.append([place])
        else:
            timed.append((location, time, place))
    sequences: list[list[int]] = []
    before: tuple[str, datetime] | None = None
    for location, time, place in sorted(timed):
        if before is None or before[0] != location or (time - before[1]).total_seconds() > gap_seconds:
            sequences.append([])
        sequences[-1].append(place)
        before = location, time
    return sequences + alone
