"""Samples whose images look alike, by their perceptual hashes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from treeline.io.balance import Numbers
from treeline.io.hamming import WORDS, Pairs, as_words, near_pairs
from treeline.io.pdq import HASH_BYTES

LEAST_QUALITY = 50
"""Images of lower quality have too little in them to be compared."""
NO_LOOK = -1


class Looks(NamedTuple):
    """What samples look like.

    Args:
        numbers: Of each sample, the number of its hash, from 0; `NO_LOOK` where it is not compared.
        near: Pairs of different hashes that are the same picture, with the bits in which they differ.
    """

    numbers: Numbers
    near: Pairs


def compare_looks(hashes: pd.Series[str], qualities: pd.Series[int], most_bits: int) -> Looks:
    """Compare what images look like.

    Args:
        hashes: PDQ, 64 hexadecimal digits; empty where there is none.
        qualities: Of the hashes, 0 to 100.
        most_bits: Most of the 256 bits in which two hashes of the same picture differ, 0 to 31.
    """
    numbers = np.full(len(hashes), NO_LOOK, np.int64)
    compared = np.flatnonzero((hashes != "") & (qualities >= LEAST_QUALITY))
    if not len(compared):
        return Looks(numbers, np.zeros((0, 3), np.int64))
    words = as_words(pa.chunked_array([[bytes.fromhex(text) for text in hashes.iloc[compared]]]))
    rows = np.ascontiguousarray(words).view(np.dtype((np.void, HASH_BYTES))).ravel()
    distinct, numbers[compared] = np.unique(rows, return_inverse=True)
    return Looks(numbers, near_pairs(distinct.view(np.uint64).reshape(-1, WORDS), most_bits))
