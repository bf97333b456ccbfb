"""A folder of images: in a folder a class, perhaps below a folder a split, or with a folder of masks beside them.

photos/deer/1.jpg, photos/hare/2.jpg           the class is the first folder
photos/train/deer/1.jpg, photos/val/hare/2.jpg  the split is the first folder, where all are `train`, `val` or `test`
tiles/1.tif, masks/1.png                        a mask has its image's name, but for the ending
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pandas as pd

from treeline.datasets.description import Description
from treeline.datasets.sources.rows import ORIGIN, ROW, SourceRows, needed_columns
from treeline.errors import InputError
from treeline.io.datasets.metadata import SPLITS
from treeline.io.image_names import split_ending
from treeline.io.image_sources import Place, find_images

log = logging.getLogger(__name__)

LABEL, SPLIT = "label", "split"
MASKS = "masks"
"""Folder of the masks in a dataset's source step."""


def read(description: Description, *, wanted: Callable[[str], bool] = lambda name: True) -> SourceRows:
    """List a folder's images.

    Args:
        description: What the dataset is to be.
        wanted: Which images, by their names.

    Raises:
        InputError: The folder is missing, an image lies in no class's folder or has no mask, or a column is asked for,
            which only a table has.
    """
    source = Path(description.source.path)
    if not source.is_dir():
        raise InputError(source, "is no folder." if source.exists() else "no such folder.", fix="Check the path.")
    masks = None if description.source.masks is None else Path(description.source.masks)
    names = [name for name, place in find_images([source], masks or Path("/")).items() if wanted(name)]
    samples = pd.DataFrame({"image_path": pd.Series(names, dtype=object), ROW: 0, ORIGIN: str(source)})
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    if names and all(parts and parts[0] in SPLITS for parts in folders):
        samples[SPLIT] = [parts[0] for parts in folders]
        folders = [parts[1:] for parts in folders]
    for column in (*description.labels, *needed_columns(description)):
        if column not in samples:
            fix = "Write a table, and name the folder in its `images`."
            raise InputError(source, "a folder has no columns.", field=column, fix=fix)
    mask_files: dict[str, Path] = {}
    if masks is not None:
        found = _masks_of(masks)
        samples["mask_path"], mask_files = _match(source, names, found)
    if description.task in ("multiclass", "multilabel"):
        samples[LABEL] = _classes(source, names, folders)
    label = LABEL if LABEL in samples else None
    return SourceRows(samples, (str(source),), label, masks=mask_files)


def _classes(source: Path, names: list[str], folders: list[tuple[str, ...]]) -> list[str]:
    for name, parts in zip(names, folders, strict=True):
        if not parts:
            raise InputError(source, f"{name}: lies in no class's folder.", fix="Put it into one, or give a table.")
    return [parts[0] for parts in folders]


def _masks_of(masks: Path) -> dict[str, Place]:
    """Masks by their names without the ending."""
    found: dict[str, Place] = {}
    for name, place in find_images([masks], Path("/")).items():
        if place.archived:
            raise InputError(place.path, "is an archive: masks have to be files.", fix="Unpack it.")
        if (other := found.setdefault(split_ending(name)[0], place)) is not place:
            raise InputError(masks, f"{name}: {other.path.name} is a mask of the same name.", fix="Leave one out.")
    return found


def _match(source: Path, names: list[str], masks: dict[str, Place]) -> tuple[list[str], dict[str, Path]]:
    paths, files = [], {}
    for name in names:
        mask = masks.get(split_ending(name)[0])
        if mask is None:
            raise InputError(source, f"{name}: has no mask of its name.", fix="Draw it, or leave the image out.")
        paths.append(f"{MASKS}/{name}{mask.path.suffix.lower()}")
        files[paths[-1]] = mask.path
    if unused := len(masks) - len({split_ending(name)[0] for name in names}):
        log.warning("%s: %d masks are of no image", source, unused)
    return paths, files
