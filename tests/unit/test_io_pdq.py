"""PDQ: the hashes of the reference implementation, and what they are for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageFilter

from resources.detector.scenes import scene
from tests.shards import encode
from treeline.io.images import Pixels, decode
from treeline.io.pdq import pdq

REFERENCE = {
    (640, 480): "1be07abcd81dcf3f0db73460b180ee580e4b42b5b162f1522cf9468d0f41efce",
    (320, 240): "e84e3e0717e1c3704fc61f0fec5583e43b99420f68fe1369c7f9a82a3f2e2908",
    (500, 500): "b3e1cd04036ff02eed140c3d6256a91c77b80eaab056a3555d193697d9da5a8f",
    (120, 90): "f671fc71d874038633870d8dfcce52fe4a7073d12241be4d548e21cec58eec29",
    (64, 64): "948954b36f36a94caf1b67b392cc48e44d57ab10b69b34c304e5994b6b3366b9",
    (50, 40): "6ead49a5a04a6ad2ad5ebb4e1d315b056a291a2b65c0141ae5d697d4be38abdd",
    (1000, 333): "d748d5880d97a2a5271b9f697c92b27c6fdbcb7c6e8330da1c27c77405889215",
}
"""Hashes of drawn scenes by their width and height, as the package pdqhash 0.2.8 computes them; all of quality 100."""

SAME_PICTURE_BITS = 31


@cache
def scenes() -> dict[tuple[int, int], Pixels]:
    random = np.random.default_rng(11)
    return {size: scene(random, *size)[0] for size in REFERENCE}


def bits_between(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@pytest.mark.parametrize("size", list(REFERENCE))
def test_hashes_are_those_of_the_reference(size: tuple[int, int]) -> None:
    hashed, quality = pdq(scenes()[size])
    # Sums in another order may put a coefficient on the other side of the median.
    assert bits_between(hashed, bytes.fromhex(REFERENCE[size])) <= 2
    assert quality == 100


def test_a_picture_is_known_again_and_others_are_not() -> None:
    photo = Image.fromarray(scenes()[640, 480])
    original, _ = pdq(np.asarray(photo))
    smaller = photo.resize((320, 240), Image.Resampling.LANCZOS)
    for changed in (smaller, photo.filter(ImageFilter.GaussianBlur(1)), photo.point(lambda value: value * 9 // 10)):
        stored = decode(encode(changed, "JPEG", quality=60))
        assert bits_between(original, pdq(stored)[0]) <= SAME_PICTURE_BITS
    for size, other in scenes().items():
        if size != (640, 480):
            assert bits_between(original, pdq(other)[0]) > 2 * SAME_PICTURE_BITS


def test_half_of_the_bits_are_set_and_turning_upside_down_changes_a_known_half() -> None:
    pixels = scenes()[500, 500]
    upright, flipped = (np.unpackbits(np.frombuffer(pdq(image)[0], np.uint8))[::-1] for image in (pixels, pixels[::-1]))
    assert upright.sum() == 128
    rows = (upright != flipped).reshape(16, 16).mean(axis=1)
    # Odd frequencies, which come first, change their sign: bits flip unless close to the median, which is not quite 0.
    assert rows[0::2].min() > 0.8
    assert rows[1::2].max() < 0.2


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 64)])
def test_an_image_without_anything_in_it_has_no_quality(size: tuple[int, int]) -> None:
    assert pdq(np.full((*size, 3), 90, np.uint8))[1] == 0
