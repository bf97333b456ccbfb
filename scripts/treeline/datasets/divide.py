"""From a dataset's metadata to its splits, which are written only if nothing leaks between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from treeline.datasets.description import read_description
from treeline.datasets.leakage import find_leaks, refuse_leaks, write_leaks
from treeline.datasets.split_facts import gather
from treeline.datasets.split_report import make_report, refuse_empty, write_report
from treeline.datasets.splits import assign_splits, find_clumps, shares_of, write_splits
from treeline.io.datasets.metadata import read_metadata


def divide_dataset(description_file: Path, metadata_file: Path, splits: Path, leakage: Path) -> dict[str, Any]:
    """Divide a dataset, and check the result.

    Args:
        description_file: YAML.
        metadata_file: Tables after the last step.
        splits: Target, Parquet of `id`, `image_path` and `split`.
        leakage: Target, JSON; with leaks, a CSV of them lies beside it.

    Returns:
        What is in the splits.

    Raises:
        InputError: Something is missing in the input, a wanted split stays empty, or something leaks. Leaks are in the
            targets of `leakage`; `splits` is not written then.
    """
    description = read_description(description_file)
    facts = gather(metadata_file, description, read_metadata(metadata_file))
    clumps, shares = find_clumps(facts), shares_of(description.splits)
    assigned = assign_splits(facts, description.splits, clumps)
    if description.splits.kind != "predefined":
        refuse_empty(facts, clumps, assigned, shares)
    report = make_report(facts, description.splits, clumps, assigned, shares)
    leaks = find_leaks(facts, assigned)
    listed = leakage.with_suffix(".csv")
    write_leaks(listed, leaks)
    write_report(leakage, report, leaks)
    refuse_leaks(metadata_file, leaks, listed)
    write_splits(facts, assigned, splits)
    return report
