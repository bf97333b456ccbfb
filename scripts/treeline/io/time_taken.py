"""When a photograph was taken, as its camera says."""

from __future__ import annotations

import io
import re

from PIL import Image

EXIF_IFD = 0x8769
DATE_TIME_ORIGINAL = 0x9003
DATE_TIME = 0x0132
_DATE_TIME_FORMAT = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")


def time_taken(data: bytes) -> str | None:
    """Read an encoded image's EXIF time; the time it was taken before the time it was changed.

    Returns:
        `YYYY:MM:DD HH:MM:SS`, the camera's local time; None where there is none in that format.
    """
    try:
        exif = Image.open(io.BytesIO(data)).getexif()
        found = (exif.get_ifd(EXIF_IFD).get(DATE_TIME_ORIGINAL), exif.get(DATE_TIME))
    except Exception:  # parsers raise nearly anything over a broken EXIF block, which spoils nothing else
        return None
    times = (value.strip("\0 ") for value in found if isinstance(value, str))
    return next((time for time in times if _DATE_TIME_FORMAT.fullmatch(time)), None)
