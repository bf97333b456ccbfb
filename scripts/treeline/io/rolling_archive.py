"""Archives of crops, one after the other as they fill."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from treeline.io.tar import TarWriter, tar_writer


class RollingArchive:
    """Writes samples into `<prefix>-00000.tar`, `<prefix>-00001.tar`, ...; none where there is no sample.

    Args:
        folder: Where the archives go; exists.
        prefix: Beginning of their names.
        most_samples: Most samples in an archive.
    """

    def __init__(self, folder: Path, prefix: str, most_samples: int) -> None:
        self.folder, self.prefix, self.most_samples = folder, prefix, most_samples
        self._samples = 0
        self._stack = ExitStack()
        self._tar: TarWriter | None = None

    def __enter__(self) -> RollingArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, key: str, members: Mapping[str, bytes]) -> str:
        """Add a sample.

        Args:
            key: What its members' names begin with.
            members: Content by ending, such as `.jpg`.

        Returns:
            Name of the archive that it is in.
        """
        number, place = divmod(self._samples, self.most_samples)
        name = f"{self.prefix}-{number:05d}.tar"
        if place == 0:
            self._stack.close()
            self._tar = self._stack.enter_context(tar_writer(self.folder / name))
        assert self._tar is not None  # from the first sample on
        for ending, data in members.items():
            self._tar.add(key + ending, data)
        self._samples += 1
        return name
