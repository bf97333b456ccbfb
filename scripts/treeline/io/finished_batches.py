"""Finished batches of an unfinished shard, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from treeline.io.atomic import write_bytes


class BatchFiles:
    """A folder with one file for each finished batch.

    Everything that results depend on goes into the key, and the key into the folder's name: batches of another
    model, threshold or archive are never taken for these, and are removed.

    Args:
        folder: The state folder of one shard.
        key: What the results depend on.
        suffix: Of the files, such as `.json`.
    """

    def __init__(self, folder: Path, key: Sequence[str | int | float], suffix: str) -> None:
        self._root, self._suffix = folder, suffix
        self._folder = folder / hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()
        if folder.exists():
            for other in folder.iterdir():
                if other != self._folder:
                    shutil.rmtree(other)

    def read(self, number: int) -> bytes | None:
        """What a batch has given; None when it is not finished."""
        try:
            return self._file(number).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, number: int, content: bytes) -> None:
        """Keep what a batch has given."""
        write_bytes(self._file(number), content)

    def remove(self) -> None:
        """Forget everything, once the shard's results are written."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"batch-{number:06}{self._suffix}"
