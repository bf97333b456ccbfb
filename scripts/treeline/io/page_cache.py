"""What the system keeps in memory of files that are written."""

from __future__ import annotations

import os
from pathlib import Path


def forget(path: Path) -> None:
    """Force a file to the disk, and let the system use the memory that holds its content for something else.

    For files of images that are not read again soon. Kept, each of them would take memory that was free, which is the
    dearest to write to, push out what others read, and count as the job's where a job's memory is limited. Where the
    system takes no such advice, the file is only forced to the disk.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
