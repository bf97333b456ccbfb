"""Bodies that claim to be images, and are ones that decoders must be shielded from."""

from __future__ import annotations

import gzip
import struct
import zlib

from tests.batches import encoded, photo
from tests.shards import encoded_kinds

PHOTO = encoded(photo(320, 240))
KINDS = encoded_kinds()
BOMB_BYTES = 100 * 1024**2
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240"><rect width="9" height="9"/></svg>'
HTML = b"<!DOCTYPE html><html><head><title>Not found</title></head><body>No such image.</body></html>"

_PNG_START = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A black-and-white PNG, all black, with more chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(height * (1 + (width + 7) // 8)), 1)
    return b"".join((_PNG_START, chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG with its length and checksum."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def text_bomb() -> bytes:
    """A PNG with a comment that unpacks to a thousand times its size."""
    return png(36, 24, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(BOMB_BYTES))))


def profile_bomb() -> bytes:
    """A PNG with a colour profile that unpacks to a thousand times its size."""
    return png(36, 24, chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(BOMB_BYTES))))


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A JPEG whose header promises more pixels than there are."""
    start = PHOTO.index(b"\xff\xc0") + 5
    return PHOTO[:start] + struct.pack(">HH", height, width) + PHOTO[start + 4 :]


def gzip_bomb() -> bytes:
    """A body that unpacks to a thousand times its size."""
    return gzip.compress(bytes(BOMB_BYTES))


def with_exif(block: bytes) -> bytes:
    """A JPEG with an EXIF block of any content."""
    return PHOTO[:2] + b"\xff\xe1" + (len(block) + 8).to_bytes(2, "big") + b"Exif\0\0" + block + PHOTO[2:]
