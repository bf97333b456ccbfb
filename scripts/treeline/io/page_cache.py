"""What the system keeps in memory of files that are written."""

from __future__ import annotations

import os
from pathlib import Path


def forget(path: Path) -> None:
    """Let the system use the memory that holds a file's content for something else, where that is on the disk already.

    For files of images, which are not read again soon. Kept, each would take memory that was free, which is the dearest
    to write to, push out what others read, and count as the job's where a job's memory is limited. What is not on the
    disk yet the system begins to write (Linux does so at this advice), and the next call has it forgotten. Where there
    is no such advice, nothing happens.
    """
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
