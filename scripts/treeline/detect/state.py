"""Detector results of the finished batches of an unfinished shard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from treeline.io.finished_batches import BatchFiles
from treeline.io.results import ImageResult


class FinishedBatches:
    """Keeps the results of finished batches as JSON; as `treeline.io.finished_batches.BatchFiles`.

    Args:
        folder: The state folder of one shard.
        key: What the results depend on.
    """

    def __init__(self, folder: Path, key: Sequence[str | int | float]) -> None:
        self._files = BatchFiles(folder, key, ".json")

    def read(self, number: int) -> list[ImageResult] | None:
        """The results of a batch; None when it is not finished."""
        content = self._files.read(number)
        if content is None:
            return None
        results: list[ImageResult] = json.loads(content)
        return results

    def write(self, number: int, results: list[ImageResult]) -> None:
        """Keep the results of a batch."""
        self._files.write(number, json.dumps(results, ensure_ascii=False).encode())

    def remove(self) -> None:
        """Forget everything, once the shard's results are written."""
        self._files.remove()
