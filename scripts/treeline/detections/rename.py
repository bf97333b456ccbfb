"""Have results follow images that were moved or renamed: what the images hold says which is which, not their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from treeline.detections.hashes import read_hashes
from treeline.errors import InputError
from treeline.io.read_results import read_results
from treeline.io.write_results import write_detections

EXAMPLES = 3


class RenameReport(NamedTuple):
    """Where the images of the results went; the counts add up to their number.

    Args:
        stayed: Number of images that are where they were.
        moved: Number of images that have another name now.
        left_behind: Why an image of the results has no new name, by its old name.
        without_results: Number of images that are there now and have no results.
    """

    stayed: int
    moved: int
    left_behind: dict[str, str]
    without_results: int


def rename_results(file: Path, target: Path, before: Path, after: Path, unmatched: Path | None = None) -> RenameReport:
    """Write results with the names that images have now.

    An image whose name is still there with the same content stays. Another takes the one name that its content has
    now; where the same content was or is there several times, the base name decides.

    Args:
        file: Results.
        target: JSON; sorted by the new names.
        before: Table of hashes from before the move, or a folder laid out as it was.
        after: Table of hashes from after the move, or the folder as it is now.
        unmatched: JSON for the results of images that cannot be followed, under their old names.

    Raises:
        InputError: A file is not of its format, or images cannot be followed and `unmatched` is not given.
    """
    results = read_results(file)
    hashes_before, hashes_after = read_hashes(before), read_hashes(after)
    new_names, left_behind = _follow([image["file"] for image in results["images"]], hashes_before, hashes_after)
    if left_behind and unmatched is None:
        some = "; ".join(f"{name!r} {reason}" for name, reason in list(left_behind.items())[:EXAMPLES])
        fix = "Give --unmatched, a file for their results, so that nothing is lost."
        raise InputError(file, f"{len(left_behind)} images cannot be followed: {some}.", field="file", fix=fix)
    followed = [image for image in results["images"] if image["file"] not in left_behind]
    lost = [image for image in results["images"] if image["file"] in left_behind]
    if unmatched is not None:
        write_detections(unmatched, {**results, "images": lost})
    stayed = sum(new_names[image["file"]] == image["file"] for image in followed)
    for image in followed:
        image["file"] = new_names[image["file"]]
    write_detections(target, {**results, "images": sorted(followed, key=lambda image: image["file"])})
    return RenameReport(stayed, len(followed) - stayed, left_behind, len(hashes_after) - len(followed))


def _follow(
    names: Sequence[str], before: dict[str, str], after: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """New names by old ones, and for the other old names the reasons why there is none."""
    new_names = {name: name for name in names if name in before and after.get(name) == before[name]}
    old_of, new_of = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for name in names:
        if name in before and name not in new_names:
            old_of[before[name]].append(name)
    for name, sha256 in after.items():
        if name not in new_names:
            new_of[sha256].append(name)
    reasons = {name: "is not in the hashes from before" for name in names if name not in before}
    for sha256, old in old_of.items():
        pairs = _pair(old, new_of[sha256])
        new_names.update(pairs)
        free = sorted(set(new_of[sha256]) - set(pairs.values()))
        reason = f"may be any of {', '.join(map(repr, free[:EXAMPLES]))}" if free else "is gone"
        reasons.update((name, reason) for name in old if name not in pairs)
    return new_names, {name: reasons[name] for name in names if name in reasons}


def _pair(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Pair names of one content: by base name where that is one of a kind on both sides, and the last two left."""
    pairs = {}
    old_by_base, new_by_base = _by_base(old), _by_base(new)
    for base in old_by_base.keys() & new_by_base.keys():
        if len(old_by_base[base]) == len(new_by_base[base]) == 1:
            pairs[old_by_base[base][0]] = new_by_base[base][0]
    old_left = [name for name in old if name not in pairs]
    taken = set(pairs.values())
    new_left = [name for name in new if name not in taken]
    if len(old_left) == len(new_left) == 1:
        pairs[old_left[0]] = new_left[0]
    return pairs


def _by_base(names: Collection[str]) -> dict[str, list[str]]:
    by_base = defaultdict[str, list[str]](list)
    for name in names:
        by_base[PurePosixPath(name).name].append(name)
    return by_base
