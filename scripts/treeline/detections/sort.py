"""Sort images into folders, or archives, by what was found in them: animal, person, vehicle, empty.

An image in which several categories were found goes into a folder of its own kind, such as `animal_person`, as the
megadetector package's `separate_detections_into_folders` has it.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from treeline.detections.thresholds import Thresholds, highest_confidences
from treeline.errors import InputError, ShardError
from treeline.io.atomic import NO_LINK_POSSIBLE, atomic_folder
from treeline.io.csv_tables import csv_text
from treeline.io.image_names import inner_path, split_ending, unique_paths
from treeline.io.image_sources import Place, find_images, load_images
from treeline.io.read_results import read_results
from treeline.io.result_checks import check_places
from treeline.io.results import ImageResult, Results
from treeline.io.tar import tar_writer

log = logging.getLogger(__name__)

Way = Literal["copy", "symlink", "hardlink", "tar"]

EMPTY = "empty"
FAILED = "failed"
TABLE = "sorted.csv"
COLUMNS = ("file", "folder", "path", "way", "note")
NOT_IN_RESULTS = "not in the results"
NO_SUCH_IMAGE = "no such image"


@dataclass(frozen=True)
class Destination:
    """Where an image goes.

    Args:
        folder: Name of the folder, or of the archive without its suffix; empty for an image that goes nowhere.
        path: Path within it.
        note: Why it goes nowhere, or why it is among the failed.
    """

    folder: str
    path: PurePosixPath | None
    note: str = ""


def sort_images(
    results_file: Path, sources: Sequence[Path], output: Path, *, way: Way, thresholds: Thresholds
) -> Counter[str]:
    """Sort the images of a results file; `sorted.csv` in `output` says of each where it is.

    Args:
        results_file: Detector results.
        sources: Archives and folders with the images; nothing is moved or changed there.
        output: Folder that is made, as a whole or not at all. One that an equal run has made is left as it is.
        way: `copy`, `symlink` or `hardlink` into folders; or `tar`, which makes an archive of each folder.
        thresholds: From which confidence on a category counts as found.

    Returns:
        Number of images in each folder.

    Raises:
        InputError: The results are refused, an image is missing, there is no linking, or `output` holds other things.
        ShardError: An archive is damaged.
    """
    results = read_results(results_file)
    thresholds.check(results_file, results)
    places = find_images(sources, output)
    destinations = plan(results_file, results, places, thresholds)
    if way in ("symlink", "hardlink"):
        _refuse_archives(places, destinations)
    table = csv_text(COLUMNS, _rows(destinations, way))
    if not _is_done(output, table):
        with atomic_folder(output) as folder:
            _fill(folder, places, destinations, way)
            (folder / TABLE).write_text(table, encoding="utf-8")
    counts = Counter(destination.folder for destination in destinations.values() if destination.folder)
    log.info("%s: %d images in %d folders", output, counts.total(), len(counts))
    return counts


def plan(
    results_file: Path, results: Results, places: Mapping[str, Place], thresholds: Thresholds
) -> dict[str, Destination]:
    """Decide where each image goes, of the results and of those given; by name, in alphabetical order.

    Raises:
        InputError: An image in which something could be found is missing, a name is no path, or two sets of categories
            would share a folder.
    """
    there = [image["file"] for image in results["images"] if image["detections"] is not None]
    check_places(results_file, results, there, places)
    paths = unique_paths(
        {
            image["file"]: inner_path(results_file, image["file"])
            for image in results["images"]
            if image["file"] in places
        }
    )
    found = {
        image["file"]: _found_in(image, results["detection_categories"], thresholds) for image in results["images"]
    }
    _check_folders(results_file, set(found.values()))
    destinations = {name: Destination("", None, NOT_IN_RESULTS) for name in places.keys() - found.keys()}
    for image in results["images"]:
        name, failure = image["file"], str(image.get("failure") or "")
        if name not in places:
            destinations[name] = Destination("", None, f"{failure}; {NO_SUCH_IMAGE}")
        elif image["detections"] is None:
            destinations[name] = Destination(FAILED, paths[name], failure)
        else:
            destinations[name] = Destination(_folder_of(found[name]), paths[name])
    return dict(sorted(destinations.items()))


def _found_in(image: ImageResult, categories: Mapping[str, str], thresholds: Thresholds) -> tuple[str, ...]:
    highest = highest_confidences(image, categories)
    return tuple(sorted(name for name, confidence in highest.items() if confidence >= thresholds.of(name)))


def _folder_of(found: tuple[str, ...]) -> str:
    return "_".join(found) or EMPTY


def _check_folders(results_file: Path, kinds: set[tuple[str, ...]]) -> None:
    """Refuse categories that are no folder's name, or whose folder would be that of others."""
    folders: dict[str, tuple[str, ...]] = dict.fromkeys((FAILED, EMPTY, TABLE), ())
    for found in sorted(kinds - {()}):
        folder = _folder_of(found)
        inner_path(results_file, folder)
        if "/" in folder or folder.startswith(".") or folders.setdefault(folder.casefold(), found) != found:
            fix = "Give the categories of the results other names."
            problem = f"images with {' and '.join(found)} cannot have a folder of their own called {folder!r}."
            raise InputError(results_file, problem, field="detection_categories", fix=fix)


def _refuse_archives(places: Mapping[str, Place], destinations: Mapping[str, Destination]) -> None:
    for name, destination in destinations.items():
        if destination.folder and places[name].archived:
            fix = "Choose copy or tar."
            raise InputError(places[name].path, f"{name} is in an archive, and cannot be linked.", fix=fix)


def _rows(destinations: Mapping[str, Destination], way: Way) -> Iterator[tuple[object, ...]]:
    suffix = ".tar" if way == "tar" else ""
    for name, destination in destinations.items():
        if destination.folder:
            path = f"{destination.folder}{suffix}/{destination.path}"
            yield name, destination.folder, path, way, destination.note
        else:
            yield name, "", "", "", destination.note


def _is_done(output: Path, table: str) -> bool:
    """Whether an equal run has been here; anything else is not overwritten."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return False
    try:
        done = (output / TABLE).read_bytes() == table.encode()
    except OSError:
        done = False
    if not done:
        fix = "Give another folder, or remove this one."
        raise InputError(output, "is there already, and does not hold what this would write.", fix=fix)
    log.info("%s: is sorted already", output)
    return True


def _fill(folder: Path, places: Mapping[str, Place], destinations: Mapping[str, Destination], way: Way) -> None:
    goes = {name: destination for name, destination in destinations.items() if destination.folder}
    if way == "tar":
        with ExitStack() as stack:
            names = sorted({destination.folder for destination in goes.values()})
            tars = {name: stack.enter_context(tar_writer(folder / f"{name}.tar")) for name in names}
            for into, path, data in _contents(places, goes):
                tars[into].add(path, data)
        return
    loose = {name for name in goes if not places[name].archived}
    for name in sorted(loose):
        target = folder / goes[name].folder / _path(goes[name])
        target.parent.mkdir(parents=True, exist_ok=True)
        _bring(places[name].path, target, way)
    for into, path, data in _contents(places, {name: goes[name] for name in goes.keys() - loose}):
        target = folder / into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(data)


def _contents(places: Mapping[str, Place], goes: Mapping[str, Destination]) -> Iterator[tuple[str, str, bytes]]:
    """Read images, and what belongs to them: the folder, the path in it, and the bytes of each."""
    written: set[tuple[str, str]] = set()
    for image in load_images(places, goes):
        destination = goes[image.name]
        path = _path(destination)
        yield destination.folder, path, image.data
        for companion in image.companions:
            beside = split_ending(path)[0] + split_ending(companion.name)[1]
            if (destination.folder, beside) in written:
                raise ShardError(places[image.name].path, f"{companion.name} is there for two images.")
            written.add((destination.folder, beside))
            yield destination.folder, beside, companion.data


def _path(destination: Destination) -> str:
    assert destination.path is not None  # as it has a folder
    return str(destination.path)


def _bring(source: Path, target: Path, way: Way) -> None:
    if way == "copy":
        shutil.copy2(source, target)
    elif way == "symlink":
        target.symlink_to(source.resolve())
    else:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in NO_LINK_POSSIBLE:
                raise
            raise InputError(source, "cannot be hard-linked there.", fix="Choose copy or symlink.") from error
