"""Pairs of 256-bit hashes that differ in few bits, without comparing all with all.

Two hashes that differ in at most 31 bits differ in at most one bit of at least one of their 16 pieces of 16 bits
(Norouzi, Punjani, Fleet: Fast search in Hamming space with multi-index hashing, 2012). So for each piece only those are
compared whose piece is the same or one bit away: of a million random hashes 4 thousand with each, not a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

WORDS = 4
PIECES = 16
PIECE_BITS = 16
MOST_BITS = 2 * PIECES - 1
"""Largest distance that is found for certain."""

PAIRS_AT_ONCE = 2_000_000

Hashes = npt.NDArray[np.uint64]
"""Hashes x 4."""

Pairs = npt.NDArray[np.int64]
"""Pairs x 3: the earlier hash, the later one, and the bits in which they differ."""

Places = npt.NDArray[np.int64]
"""A number for each hash."""


def as_words(hashes: pa.ChunkedArray) -> Hashes:
    """Lay out hashes of 32 bytes as 4 words each."""
    fixed = hashes.cast(pa.binary(8 * WORDS)).combine_chunks()  # refuses a hash of another length
    return np.frombuffer(fixed.buffers()[1], np.uint64).reshape(-1, WORDS)


def near_pairs(hashes: Hashes, most_bits: int, threads: int = 1) -> Pairs:
    """Find all pairs that differ in at most `most_bits` bits, 0 to 31.

    Returns:
        The pairs, ordered by the later and then the earlier hash; each once.
    """
    if most_bits > MOST_BITS:
        raise ValueError(f"{most_bits} bits: at most {MOST_BITS} are found for certain")
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(partial(_pairs_of_piece, hashes, most_bits), range(PIECES)))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]


def first_alike(hashes: Hashes, most_bits: int, threads: int = 1) -> tuple[Places, Places]:
    """Go through hashes in order: one that is near to an earlier one that is kept repeats the first such.

    Returns:
        For each hash the place of the one that it repeats, its own where it is kept; and the bits in which they differ.
    """
    _, first, inverse = np.unique(
        hashes.view(np.dtype((np.void, hashes.itemsize * WORDS))).ravel(), return_index=True, return_inverse=True
    )
    by_place = np.argsort(first)
    first, number = first[by_place], np.argsort(by_place)[inverse]
    main, distance = np.arange(len(first)), np.zeros(len(first), np.int64)
    for earlier, later, bits in near_pairs(hashes[first], most_bits, threads).tolist():
        if main[later] == later and main[earlier] == earlier:
            main[later], distance[later] = earlier, bits
    return first[main[number]], distance[number]


def _pairs_of_piece(hashes: Hashes, most_bits: int, piece: int) -> Pairs:
    """Find the pairs that differ in at most one bit of one piece."""
    pieces = np.ascontiguousarray(hashes).view(np.uint16)[:, piece].astype(np.int64)
    order = np.argsort(pieces, kind="stable")
    ordered, pieces = hashes[order], pieces[order]
    starts = np.searchsorted(pieces, np.arange(2**PIECE_BITS + 1))
    places = np.arange(len(order))
    found = [_compare(ordered, places, places + 1, starts[pieces + 1], most_bits)]
    if most_bits >= PIECES:  # else one piece at least is the same
        for bit in range(PIECE_BITS):
            other = pieces ^ (1 << bit)
            lower = np.flatnonzero(pieces < other)
            found.append(_compare(ordered, lower, starts[other[lower]], starts[other[lower] + 1], most_bits))
    pairs = np.concatenate(found)
    pairs[:, :2] = np.sort(order[pairs[:, :2]], axis=1)
    return pairs


def _compare(hashes: Hashes, places: Pairs, begins: Pairs, ends: Pairs, most_bits: int) -> Pairs:
    """Compare the hash at each place with those from `begins` to before `ends`."""
    found = [np.zeros((0, 3), np.int64)]
    for chunk in _chunks(ends - begins):
        counts = ends[chunk] - begins[chunk]
        left = np.repeat(places[chunk], counts)
        right = np.arange(len(left)) + np.repeat(begins[chunk] - np.cumsum(counts) + counts, counts)
        # Half of the bits rule out nearly all pairs.
        half = np.bitwise_count(hashes[left, 0] ^ hashes[right, 0]) + np.bitwise_count(
            hashes[left, 1] ^ hashes[right, 1]
        )
        near = np.flatnonzero(half <= most_bits)
        left, right = left[near], right[near]
        distances = np.bitwise_count(hashes[left] ^ hashes[right]).sum(axis=1, dtype=np.int64)
        found.append(np.column_stack((left, right, distances))[distances <= most_bits])
    return np.concatenate(found)


def _chunks(counts: Pairs) -> Iterator[slice]:
    """Cut places into runs of about `PAIRS_AT_ONCE` pairs."""
    if not len(counts):
        return
    cuts = np.searchsorted(np.cumsum(counts), np.arange(PAIRS_AT_ONCE, counts.sum() + PAIRS_AT_ONCE, PAIRS_AT_ONCE))
    start = 0
    for end in np.unique(np.append(np.minimum(cuts + 1, len(counts)), len(counts))):
        if end > start:
            yield slice(start, int(end))
            start = int(end)
