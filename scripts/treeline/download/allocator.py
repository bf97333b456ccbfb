"""How the C library deals with memory that images come and go in."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
MEBIBYTE = 1024**2


def keep_freed_memory() -> None:
    """Have the C library keep what is freed, for the next image.

    By default it gives a large block back to the system at once, which clears it before it hands it out again: 0.3 ms
    an image. Does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 * MEBIBYTE)  # the largest that it takes
        mallopt(M_TRIM_THRESHOLD, 64 * MEBIBYTE)
