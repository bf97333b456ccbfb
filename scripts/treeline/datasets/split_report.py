"""What is in the splits, and what is amiss with them: `leakage.json`."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from treeline.datasets.alike import LEAST_QUALITY, NO_LOOK
from treeline.datasets.description import SplitOptions
from treeline.datasets.leakage import Leak
from treeline.datasets.split_facts import Facts
from treeline.datasets.split_ground import find_overlaps
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.balance import Numbers
from treeline.io.datasets.metadata import SPLITS, TRAINVALTEST

FAR_OFF = 0.05
"""A split whose share misses the wanted one by more is warned of."""
WARNINGS_IN_LOG = 10

log = logging.getLogger(__name__)


def make_report(
    facts: Facts, options: SplitOptions, clumps: Numbers, assigned: Numbers, shares: Sequence[float]
) -> dict[str, Any]:
    """Count what is in the splits.

    Args:
        facts: What is known of the samples.
        options: How they were divided.
        clumps: Of each sample, the number of its clump.
        assigned: Of each sample, the number of its split.
        shares: Wanted shares.

    Returns:
        What `leakage.json` says, without the leaks.
    """
    wanted = dict(zip(SPLITS, shares, strict=True)) if options.kind != "predefined" else {}
    parts = {split: assigned == number for number, split in enumerate(SPLITS)}
    parts[TRAINVALTEST] = np.ones(len(facts), bool)
    compared = facts.looks.numbers != NO_LOOK
    return {
        "dataset": facts.metadata.name,
        "kind": options.kind,
        "seed": options.seed,
        "samples": len(facts),
        "clumps": int(clumps.max()) + 1,
        "splits": {split: _part(facts, part, wanted.get(split)) for split, part in parts.items()},
        "looks": {
            "compared": int(compared.sum()),
            "not_compared": int((~compared).sum()),
            "most_bits": options.most_bits,
            "least_quality": LEAST_QUALITY,
        },
        "warnings": [*_overlaps(facts, options, assigned), *_warnings(facts, clumps, assigned, wanted)],
    }


def write_report(target: Path, report: Mapping[str, Any], leaks: Mapping[str, Sequence[Leak]]) -> None:
    """Write `leakage.json`, as a whole or not at all, and say in the log what is in it."""
    counted = {**report, "leaks": {check: len(found) for check, found in leaks.items()}}
    write_text(target, json.dumps(counted, ensure_ascii=False, indent=1) + "\n")
    for split in SPLITS:
        part = report["splits"][split]
        groups = ", ".join(f"{count:,} of {name}" for name, count in part["groups"].items())
        samples, share, labels = part["samples"], part["share"], len(part["labels"])
        log.info("%s: %d samples (%.1f %%), %d labels; %s", split, samples, 100 * share, labels, groups)
    warnings = report["warnings"]
    for warning in warnings[:WARNINGS_IN_LOG]:
        log.warning("%s", warning)
    if len(warnings) > WARNINGS_IN_LOG:
        log.warning("%d more warnings are in %s", len(warnings) - WARNINGS_IN_LOG, target)


def refuse_empty(facts: Facts, clumps: Numbers, assigned: Numbers, shares: Sequence[float]) -> None:
    """Refuse splits of which a wanted one is empty.

    Raises:
        InputError: There is one; the text says why.
    """
    empty = [split for number, split in enumerate(SPLITS) if shares[number] > 0 and not (assigned == number).any()]
    if empty:
        problem = f"nothing is left for {' and '.join(empty)}: {_why(facts, clumps)}."
        fix = "Add samples of other groups, group by less, or set the share of what stays empty to 0."
        raise InputError(facts.file, problem, fix=fix)


def _part(facts: Facts, part: Any, wanted: float | None) -> dict[str, Any]:
    labels = facts.labels["label"][part[facts.labels["position"].to_numpy()]].value_counts().sort_index()
    groups = {name: values[part & (values != "")].nunique() for name, values in facts.keys.items()}
    share = {"share": round(float(part.mean()), 4)} | ({} if wanted is None else {"wanted": round(wanted, 4)})
    return {
        "samples": int(part.sum()),
        **share,
        "labels": {str(label): int(count) for label, count in labels.items()},
        "groups": groups,
    }


def _warnings(facts: Facts, clumps: Numbers, assigned: Numbers, wanted: Mapping[str, float]) -> Iterator[str]:
    sizes = np.bincount(clumps)
    for number, (split, share) in enumerate(wanted.items()):
        got = float((assigned == number).mean())
        if abs(got - share) > FAR_OFF:
            largest = f"the largest of {len(sizes):,} clumps that must not be parted has {sizes.max() / len(facts):.1%}"
            yield f"{split} has {got:.1%} of the samples, and not {share:.1%}: {largest}"
    plain = int((facts.looks.numbers == NO_LOOK).sum())
    if plain:
        yield f"{plain:,} images have too little in them, or no hash: whether they look alike is not known"
    yield from _missing_labels(facts, clumps, assigned, [split for split, share in wanted.items() if share > 0])


def _overlaps(facts: Facts, options: SplitOptions, assigned: Numbers) -> Iterator[str]:
    if options.kind != "spatial" or options.coordinates is not None:
        return
    pairs = find_overlaps(facts, assigned)
    if len(pairs):
        one, other = facts.paths[pairs[0]]
        first = f"{one} ({SPLITS[assigned[pairs[0, 0]]]}) and {other} ({SPLITS[assigned[pairs[0, 1]]]})"
        yield f"{len(pairs):,} pairs of samples in two splits overlap on the ground, at the borders of blocks: {first}"


def _missing_labels(facts: Facts, clumps: Numbers, assigned: Numbers, wanted: Sequence[str]) -> Iterator[str]:
    for label, rows in facts.labels.groupby("label", sort=True):
        positions = rows["position"].to_numpy()
        present = {SPLITS[number] for number in np.unique(assigned[positions])}
        missing = [split for split in wanted if split not in present]
        if missing:
            count = len(np.unique(clumps[positions]))
            where = (
                f"it is in one clump that must not be parted{_alone(facts, positions)}"
                if count == 1
                else (f"it is in {count} clumps that must not be parted")
            )
            yield f"the label {label!r} has nothing for {' and '.join(missing)}: {where}"


def _why(facts: Facts, clumps: Numbers) -> str:
    sizes = np.bincount(clumps)
    if len(sizes) == 1:
        return f"all {len(facts):,} samples must stay together{_alone(facts, np.arange(len(facts)))}"
    largest = np.flatnonzero(clumps == sizes.argmax())
    return (
        f"{len(facts):,} samples are {len(sizes):,} clumps that must not be parted, "
        f"the largest of {len(largest):,} samples{_alone(facts, largest)}"
    )


def _alone(facts: Facts, positions: Numbers) -> str:
    """Name the group that all of the samples share, if there is one."""
    for name, values in facts.keys.items():
        if len(shared := set(values.iloc[positions])) == 1 and shared != {""}:
            return f", all of {name} {shared.pop()!r}"
    return ", through several groups or looks" if len(positions) > 1 else ""
