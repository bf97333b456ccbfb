"""Finished batches of an unfinished shard, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from treeline.io.atomic import write_text
from treeline.io.results import ImageResult


class FinishedBatches:
    """A folder with one file for each finished batch.

    Everything that results depend on goes into the key, and the key into the folder's name: batches of another
    model, threshold or archive are never taken for these, and are removed.

    Args:
        folder: The state folder of one shard.
        key: What the results depend on.
    """

    def __init__(self, folder: Path, key: Sequence[str | int | float]) -> None:
        self._root = folder
        self._folder = folder / hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()
        if folder.exists():
            for other in folder.iterdir():
                if other != self._folder:
                    shutil.rmtree(other)

    def read(self, number: int) -> list[ImageResult] | None:
        """The results of a batch; None when it is not finished."""
        try:
            results: list[ImageResult] = json.loads(self._file(number).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return results

    def write(self, number: int, results: list[ImageResult]) -> None:
        """Keep the results of a batch."""
        write_text(self._file(number), json.dumps(results, ensure_ascii=False))

    def remove(self) -> None:
        """Forget everything, once the shard's results are written."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"batch-{number:06}.json"
