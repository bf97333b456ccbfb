"""Make the page on which a person looks at the candidates: one folder that opens from a disk, without a network."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from treeline.detections.repeats.candidates import Candidate, Occurrence, read_candidates
from treeline.errors import ImageError, InputError
from treeline.io.atomic import atomic_folder
from treeline.io.encode import encode_jpeg
from treeline.io.image_sources import as_folder
from treeline.io.images import Pixels, decode
from treeline.io.parquet import sha256_of_file
from treeline.io.resize import fit, reduce

log = logging.getLogger(__name__)

LONGEST_SIDE = 960
QUALITY = 80
CROPS = 6
"""So many more occurrences of a candidate are shown, small, from its first to its last."""

CROP_SIZE = (120, 160)
CROP_CONTEXT = 2.0
"""Sides of what a crop shows, in multiples of the box's, before it is brought to the crop's proportions."""

DATA_MARK = "/*DATA*/"


def make_review(candidates: Path, images: Path, target: Path, *, threads: int = 1) -> int:
    """Write `index.html`, and beside it a sample image and a strip of crops for each candidate.

    Args:
        candidates: What `find_repeats` wrote.
        images: Folder under which images have their names in the results, or of archives that hold them.
        target: Folder to write, as a whole or not at all.
        threads: CPU threads.

    Returns:
        Number of images that could not be read; the page says so in their place.

    Raises:
        InputError: `candidates` cannot be read, or none of the images can.
    """
    found = read_candidates(candidates)["candidates"]
    shown = {occurrence["file"] for candidate in found for occurrence in _shown(candidate)}
    with atomic_folder(target) as folder, as_folder(images, shown) as files_of, ThreadPoolExecutor(threads) as pool:
        (folder / "images").mkdir()
        entries = list(pool.map(lambda candidate: _render(candidate, files_of, folder), found))
        problems = list(dict.fromkeys(problem for _, more in entries for problem in more))
        if entries and not any(entry["image"] for entry, _ in entries):
            fix = "Give the folder that the names in the results begin from."
            raise InputError(images, f"none of the images can be read; the first: {problems[0]}.", fix=fix)
        facts = {"sha256": sha256_of_file(candidates), "candidates": [entry for entry, _ in entries]}
        (folder / "index.html").write_text(_page(facts), encoding="utf-8")
    for problem in problems:
        log.warning("%s", problem)
    log.info("%s: %d candidates, %d images missing", target / "index.html", len(entries), len(problems))
    return len(problems)


def _page(facts: dict[str, Any]) -> str:
    template = files("treeline.detections.repeats").joinpath("page.html").read_text(encoding="utf-8")
    # Within a script element, "</" and "<!--" would end it or begin a comment, whatever the JSON around them.
    return template.replace(DATA_MARK, json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c"))


def _render(candidate: Candidate, images: Path, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Write a candidate's pictures; give what the page says of it, and what could not be read."""
    occurrences = candidate["occurrences"]
    sample, *others = _shown(candidate)
    entry = {
        "number": candidate["number"],
        "location": candidate["location"],
        "category": candidate["category"],
        "count": len(occurrences),
        "lowest": min(one["conf"] for one in occurrences),
        "highest": sample["conf"],
        "file": sample["file"],
        "bbox": sample["bbox"],
        "image": None,
        "crops": None,
    }
    problems: list[str] = []
    name = f"images/{candidate['number']:06}"
    pixels = _read(images, sample, problems)
    if pixels is None:
        entry["problem"] = problems[0]
    else:
        size = fit((pixels.shape[0], pixels.shape[1]), LONGEST_SIDE)
        entry |= {"image": f"{name}.jpg", "height": size[0], "width": size[1]}
        (folder / f"{name}.jpg").write_bytes(encode_jpeg(reduce(pixels, size), QUALITY))
    crops = [_crop(pixels, one) for one in others if (pixels := _read(images, one, problems)) is not None]
    if crops:
        entry["crops"] = f"{name}-crops.jpg"
        (folder / f"{name}-crops.jpg").write_bytes(encode_jpeg(np.concatenate(crops, axis=1), QUALITY))
    return entry, problems


def _shown(candidate: Candidate) -> list[Occurrence]:
    """The occurrence of highest confidence, then at most `CROPS` others, from the first to the last."""
    sample = max(candidate["occurrences"], key=lambda one: one["conf"])
    others = [one for one in candidate["occurrences"] if one is not sample]
    if len(others) > CROPS:
        others = [others[number * (len(others) - 1) // (CROPS - 1)] for number in range(CROPS)]
    return [sample, *others]


def _read(images: Path, occurrence: Occurrence, problems: list[str]) -> Pixels | None:
    path = images / occurrence["file"]
    try:
        if not path.resolve().is_relative_to(images.resolve()):
            raise ImageError(f"lies outside of {images}")
        return decode(path.read_bytes())
    except (ImageError, OSError, ValueError) as error:  # a null byte in a name is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        problems.append(f"{occurrence['file']}: {reason}")
        return None


def _crop(pixels: Pixels, occurrence: Occurrence) -> Pixels:
    """The surroundings of a box, as large as the image allows, in the proportions of `CROP_SIZE`."""
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = occurrence["bbox"]
    ratio = CROP_SIZE[1] / CROP_SIZE[0]
    wanted = max(CROP_CONTEXT * box_height * height, CROP_CONTEXT * box_width * width / ratio, 1)
    crop_height = max(1, round(min(wanted, height, width / ratio)))
    crop_width = max(1, min(width, round(crop_height * ratio)))
    y = round(min(max((top + box_height / 2) * height - crop_height / 2, 0), height - crop_height))
    x = round(min(max((left + box_width / 2) * width - crop_width / 2, 0), width - crop_width))
    return _resize(pixels[y : y + crop_height, x : x + crop_width])


def _resize(pixels: Pixels) -> Pixels:
    import cv2

    if pixels.shape[0] > CROP_SIZE[0]:
        return reduce(np.ascontiguousarray(pixels), CROP_SIZE)
    return np.asarray(cv2.resize(pixels, CROP_SIZE[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
