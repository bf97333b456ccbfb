"""Folders for unfinished work, of which it can be told whether the process that made them still lives.

Process numbers repeat, in containers above all, and after a kill of Snakemake its jobs go on beside those of the next
run. So each folder has a name of its own, and its process holds a lock in it, which the kernel lets go with the
process: what is not locked was left by a killed one.
"""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRATCH_PREFIX = ".tmp-"
UNLOCKED_PREFIX = ".new-"
LOCK = ".lock"
MAX_PURPOSE_BYTES = 200  # of the 255 that a name may have


@contextmanager
def scratch_folder(parent: Path, purpose: str) -> Iterator[Path]:
    """Give a folder that no other process uses, and remove it at the end.

    What killed processes have left in `parent` for the same purpose is removed first. On a file system without locks
    it stays.

    Args:
        parent: Where the folder is made; made itself if it is missing.
        purpose: End of the folder's name; a long one is cut.

    Yields:
        A folder, empty but for the lock.
    """
    parent.mkdir(parents=True, exist_ok=True)
    ending = os.fsencode(purpose)[-MAX_PURPOSE_BYTES:].decode(errors="ignore")
    remove_abandoned(parent.glob(f"{SCRATCH_PREFIX}*-{glob.escape(ending)}"))
    token = secrets.token_hex(8)
    folder = parent / f"{SCRATCH_PREFIX}{token}-{ending}"
    unlocked = parent / f"{UNLOCKED_PREFIX}{token}"
    unlocked.mkdir()
    try:
        with (unlocked / LOCK).open("wb") as lock:
            with suppress(OSError):  # no locks here: then nobody takes the folder for abandoned either
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(folder)
            yield folder
    finally:
        for made in (unlocked, folder):
            shutil.rmtree(made, ignore_errors=True)


def remove_abandoned(folders: Iterable[Path]) -> None:
    """Remove those scratch folders whose process has ended."""
    for folder in folders:
        with suppress(OSError), (folder / LOCK).open("r+b") as lock:  # it is locked, or is being removed already
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
