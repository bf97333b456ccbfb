"""Strike out repeats: their confidence becomes negative, and all else stays."""

from __future__ import annotations

import logging
from collections.abc import Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from treeline.detections.repeats.candidates import Candidates, read_candidates, read_decisions
from treeline.detections.steps import record_step
from treeline.errors import InputError
from treeline.io.parquet import sha256_of_file
from treeline.io.read_results import read_results
from treeline.io.results import Results
from treeline.io.write_results import write_detections

log = logging.getLogger(__name__)

STEP = "repeat_detection_removal"

Key: TypeAlias = tuple[str, str, tuple[float, ...]]
"""File, name of the category, and box of a detection."""


@dataclass(frozen=True)
class RemoveReport:
    """Counts of one removal.

    Args:
        kept: Candidates to keep.
        removed: Candidates to remove, those that nobody looked at included.
        not_looked_at: Candidates that nobody decided on.
        struck_out: Detections whose confidence is negative now and was not before.
    """

    kept: int
    removed: int
    not_looked_at: int
    struck_out: int


def remove_repeats(results: Path, candidates: Path, decisions: Path | None, target: Path) -> RemoveReport:
    """Write results in which the repeats have negative confidence.

    A candidate that nobody decided on is removed. A detection that belongs to a candidate to keep stays, whatever
    others it belongs to. `max_detection_conf`, where an image has it, is brought up to date.

    Args:
        results: Detector results; those that the candidates were found in, or others with the same detections.
        candidates: What `find_repeats` wrote.
        decisions: What the review page saved; None removes every candidate.
        target: Results JSON with all fields of `results`, and the parameters in `info`.

    Raises:
        InputError: A file cannot be read, the files do not belong together, or the results lack a detection of a
            candidate.
    """
    content, found = read_results(results), read_candidates(candidates)
    decided = read_decisions(decisions, candidates, found) if decisions else None
    keep, remove = (set(decided["keep"]), set(decided["remove"])) if decided else (set[int](), set[int]())
    everything = {candidate["number"] for candidate in found["candidates"]}

    to_strike_out = _keys(found, everything - keep) - _keys(found, keep)
    present, struck_out = _strike_out(content, to_strike_out)
    _check_all_are_there(results, candidates, to_strike_out - present)

    report = RemoveReport(len(keep), len(everything - keep), len(everything - keep - remove), struck_out)
    facts = {"candidates_sha256": sha256_of_file(candidates), **asdict(report)}
    record_step(content, STEP, found["parameters"], facts)
    write_detections(target, content)
    counts = struck_out, report.removed, report.not_looked_at, report.kept
    log.info("%s: %d detections struck out; %d candidates removed (%d not looked at), %d kept", target, *counts)
    return report


def _keys(found: Candidates, numbers: Set[int]) -> set[Key]:
    return {
        (occurrence["file"], candidate["category"], tuple(occurrence["bbox"]))
        for candidate in found["candidates"]
        if candidate["number"] in numbers
        for occurrence in candidate["occurrences"]
    }


def _strike_out(content: Results, to_strike_out: Set[Key]) -> tuple[set[Key], int]:
    """Make confidences negative; give the keys of what was found, and the number of confidences that changed."""
    names, present, changed = content["detection_categories"], set[Key](), 0
    for image in content["images"]:
        detections = image["detections"] or []
        for detection in detections:
            key = image["file"], names[detection["category"]], tuple(detection["bbox"])
            if key in to_strike_out:
                present.add(key)
                changed += detection["conf"] > 0
                detection["conf"] = -abs(detection["conf"])
        if detections and "max_detection_conf" in image:
            highest = max(detection["conf"] for detection in detections)
            image["max_detection_conf"] = highest  # type: ignore[typeddict-unknown-key]  # the format's, up to 1.2
    return present, changed


def _check_all_are_there(results: Path, candidates: Path, missing: Set[Key]) -> None:
    if missing:
        file, category, box = min(missing)
        problem = f"{len(missing)} detections of {candidates} are not in it, such as {category} {list(box)} in {file}."
        raise InputError(results, problem, fix="Give the results that the candidates were found in.")
