"""EXIF is found wherever a JPEG may have it, and costs no parser where there is none."""

from __future__ import annotations

import pytest

from tests.batches import encoded, photo, rotated_jpeg
from treeline.io.exif import kept_exif
from treeline.io.images import read_header
from treeline.io.jpeg import has_exif

TURNED = rotated_jpeg(photo(), 6)
HEAD, SEGMENT_AND_REST = TURNED[:2], TURNED[2:]


@pytest.mark.parametrize(
    "before",
    [b"", b"\xff", b"\xff" * 5, b"\xff\xfe\x00\x05\xff\xda\x00", b"\xff\xe2\xff\xff" + bytes(65_533)],
    ids=["first", "a fill byte", "fill bytes", "behind a comment", "behind a long profile"],
)
def test_exif_is_found_behind_anything(before: bytes) -> None:
    jpeg = HEAD + before + SEGMENT_AND_REST
    assert has_exif(jpeg)
    assert read_header(jpeg).orientation == 6
    assert kept_exif(jpeg, 1)


def test_exif_among_the_pixels_is_none() -> None:
    jpeg = encoded(photo()) + SEGMENT_AND_REST
    assert not has_exif(jpeg)
    assert kept_exif(jpeg, 1) == b""


@pytest.mark.parametrize("length", range(0, 40, 3))
def test_a_jpeg_that_ends_in_its_header_has_none(length: int) -> None:
    assert not has_exif(encoded(photo())[:length])
