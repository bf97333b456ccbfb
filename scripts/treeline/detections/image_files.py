"""The image files that results are about: which there are in a folder, and how large their images are."""

from __future__ import annotations

from pathlib import Path

from treeline.errors import ImageError, InputError
from treeline.io.images import read_header
from treeline.io.results import Results


def find_files(folder: Path, suffixes: frozenset[str] | None = None) -> list[str]:
    """Relative paths of a folder's files, at any depth, with forward slashes, sorted.

    Args:
        folder: Where to look; hidden files and folders are passed over.
        suffixes: In lower case, with their dots; None for all files.

    Raises:
        InputError: There is no such folder, or a name in it is not UTF-8.
    """
    if not folder.is_dir():
        raise InputError(folder, "no such folder.", fix="Check the path.")
    names = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if "/." in f"/{name}" or (suffixes is not None and path.suffix.lower() not in suffixes) or not path.is_file():
            continue
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InputError(folder, f"the name {name!r} is not UTF-8.", fix="Rename the file.") from None
        names.append(name)
    return sorted(names)


def add_sizes(source: Path, results: Results, folder: Path | None) -> None:
    """Give each image without width and height those of its file, turned upright, in place.

    Args:
        source: Where the results are from.
        results: Of images that have not failed.
        folder: Of the images; None where there is none.

    Raises:
        InputError: There is no folder to look into, or an image is not there or not readable.
    """
    for image in results["images"]:
        if "width" in image and "height" in image:
            continue
        if folder is None:
            fix = "Give the folder of the images with --images."
            raise InputError(source, f"image {image['file']!r} has no width and height.", field="width", fix=fix)
        file = folder / image["file"]
        try:
            image["height"], image["width"] = read_header(file.read_bytes()).upright_size
        except (OSError, ImageError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(file, f"has no size that can be read ({reason}), and {source} says none.") from None
