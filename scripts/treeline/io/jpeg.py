"""What a JPEG's segments say, without a decoder."""

from __future__ import annotations

EXIF_MARK = b"Exif\x00\x00"
SCAN = b"\xda"
FILL = b"\xff"


def has_exif(jpeg: bytes) -> bool:
    """Whether a JPEG has EXIF before its pixels; a parser takes longer to say no than all else about its header."""
    place = 2
    while jpeg[place : place + 1] == b"\xff":
        marker = jpeg[place + 1 : place + 2]
        if marker == SCAN:
            return False
        if jpeg.startswith(EXIF_MARK, place + 4):
            return True
        place += 1 if marker == FILL else 2 + int.from_bytes(jpeg[place + 2 : place + 4])
    return False
