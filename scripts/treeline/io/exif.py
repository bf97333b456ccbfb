"""What a photo says of itself, carried over when its pixels are encoded anew.

When and where it was taken, and by which camera: sequences, time series and maps are made of that. The preview image
and the maker's private notes are left behind; they can be larger than the photo that is stored.
"""

from __future__ import annotations

import io

from PIL import ExifTags, Image

from treeline.io.images import EXIF_ORIENTATION, UPRIGHT, sniff_format
from treeline.io.jpeg import has_exif

MAX_SEGMENT_BYTES = 65_533  # of a JPEG's APP1, less its two bytes of length


def kept_exif(data: bytes, orientation: int) -> bytes:
    """Read an encoded image's EXIF for another image that is made of it.

    Args:
        data: The encoded image.
        orientation: EXIF orientation of the new image, 1 to 8.

    Returns:
        The block with its `Exif` header; empty where there is nothing to say. A block that cannot be read, or is too
        large for a JPEG, is reduced to the orientation.
    """
    has_none = sniff_format(data) == "jpeg" and not has_exif(data)
    exif = Image.Exif() if has_none else _readable_exif(data)
    if not exif and orientation == UPRIGHT:
        return b""
    exif[EXIF_ORIENTATION] = orientation
    try:
        if ExifTags.IFD.Exif in exif:
            exif.get_ifd(ExifTags.IFD.Exif).pop(ExifTags.Base.MakerNote, None)
        block = exif.tobytes()
    except Exception:  # parsers raise nearly anything over a broken block, which spoils nothing else
        block = b""
    return block if 0 < len(block) <= MAX_SEGMENT_BYTES else _orientation_alone(orientation)


def _readable_exif(data: bytes) -> Image.Exif:
    try:
        return Image.open(io.BytesIO(data)).getexif()
    except Exception:  # as above
        return Image.Exif()


def _orientation_alone(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif.tobytes()
