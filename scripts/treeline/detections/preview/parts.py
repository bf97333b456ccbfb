"""Which results a preview is of, and where their images are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from treeline.detections.shards import results_files
from treeline.errors import InputError
from treeline.io.names import server_of_folder

CONTAINER_SUFFIXES = (".tar", ".tar.gz", "")


class Part(NamedTuple):
    """A file of results with its images.

    Args:
        name: `server_name=S/partition_id=N` of a shard; empty for a single file.
        results: JSON.
        images: A folder, or an archive.
    """

    name: str
    results: Path
    images: Path

    @property
    def server(self) -> str:
        """Host[:port] that a shard's images come from; empty for a single file."""
        return server_of_folder(Path(self.name)) or ""

    def address(self, file: str) -> str:
        """The name of an image among those of all parts."""
        return f"{self.name}/{file}" if self.name else file


def find_parts(results: Path, images: Path) -> list[Part]:
    """Find the results and the images that belong to them.

    Args:
        results: A results file, or Treeline's folder of them, with a file for each shard.
        images: The folder or archive that a file's images are in, or Treeline's folder of decoded shards.

    Returns:
        The parts by name.

    Raises:
        InputError: There are no results, or no images to some; names what is missing.
    """
    if results.is_dir():
        files = results_files(results)
        names = [str(file.relative_to(results).with_suffix("")) for file in files]
        return [Part(name, file, _container(images, name)) for name, file in zip(names, files, strict=True)]
    if not images.exists():
        raise InputError(images, "no such folder or archive of images.", fix="Check the path.")
    return [Part("", results, images)]


def _container(images: Path, name: str) -> Path:
    candidates = [images / f"{name}{suffix}" for suffix in CONTAINER_SUFFIXES]
    found = next((candidate for candidate in candidates if candidate.exists()), None)
    if found is None:
        raise InputError(candidates[0], "no such archive, and no such folder.", fix="Run decode, or check the path.")
    return found
