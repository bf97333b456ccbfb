"""Look for samples that know one another across splits: of one group, of the same bytes, or of one look.

Whoever has divided them, this looks at the result alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from treeline.datasets.alike import NO_LOOK
from treeline.datasets.split_facts import Facts
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.balance import Numbers
from treeline.io.csv_tables import csv_text
from treeline.io.datasets.metadata import SPLITS

NEAR_DUPLICATE = "near_duplicate"
NAMED_IN_ERRORS = 3


class Leak(NamedTuple):
    """Two samples in two splits that share what they should not.

    Args:
        check: Name of the group, `sha256` or `near_duplicate`.
        shared: The group's value; the hash of the same bytes; empty for a look.
        first: `image_path` of the one.
        first_split: Its split.
        second: `image_path` of the other.
        second_split: Its split.
        bits: In which the perceptual hashes differ; None where they are not what is shared.
    """

    check: str
    shared: str
    first: str
    first_split: str
    second: str
    second_split: str
    bits: int | None = None

    def __str__(self) -> str:
        """For the user's eyes."""
        why = f"differ in {self.bits} of 256 bits" if self.bits is not None else f"share {self.check} {self.shared!r}"
        return f"{self.first} ({self.first_split}) and {self.second} ({self.second_split}) {why}"


def find_leaks(facts: Facts, assigned: Numbers) -> dict[str, list[Leak]]:
    """Find all values of groups and all looks that are in two splits.

    Args:
        facts: What is known of the samples.
        assigned: Of each sample, the number of its split.

    Returns:
        The leaks by check, none for a check that found nothing. Of many samples that share a value, one pair for each
        two splits is named.
    """
    found = {name: list(_shared(facts, assigned, name, values)) for name, values in facts.keys.items()}
    return {**found, NEAR_DUPLICATE: list(_alike(facts, assigned))}


def write_leaks(target: Path, leaks: dict[str, list[Leak]]) -> None:
    """Write all leaks as CSV; without any there is no such file."""
    rows = [leak for found in leaks.values() for leak in found]
    if rows:
        write_text(target, csv_text(Leak._fields, rows))
    else:
        target.unlink(missing_ok=True)


def refuse_leaks(file: Path, leaks: dict[str, list[Leak]], listed: Path) -> None:
    """Refuse splits that leak.

    Raises:
        InputError: There is a leak; counts those of each check, and names the first pairs.
    """
    counts = ", ".join(f"{len(found):,} of {check}" for check, found in leaks.items() if found)
    if not counts:
        return
    first = [leak for found in leaks.values() for leak in found][:NAMED_IN_ERRORS]
    problem = f"what is tested on is known from training: {counts}. {'; '.join(map(str, first))}."
    fix = "Mend the column of the split, or choose another kind of splits."
    raise InputError(file, problem, fix=f"{fix} All pairs are in {listed}.")


def _shared(facts: Facts, assigned: Numbers, check: str, values: pd.Series[str]) -> Iterator[Leak]:
    table = pd.DataFrame({"value": values, "split": assigned, "position": np.arange(len(facts))})
    first = table[table["value"] != ""].drop_duplicates(["value", "split"])
    torn = first[first["value"].duplicated(keep=False)]
    for value, group in torn.groupby("value", sort=True):
        for one, other in combinations(group["position"], 2):
            yield _leak(facts, assigned, check, str(value), one, other)


def _alike(facts: Facts, assigned: Numbers) -> Iterator[Leak]:
    """Compare the splits of each two hashes that are near, and of the samples that have the same hash."""
    table = pd.DataFrame({"look": facts.looks.numbers, "split": assigned, "place": np.arange(len(facts))})
    seen = table[table["look"] != NO_LOOK].drop_duplicates(["look", "split"])
    same = pd.DataFrame({"look": seen["look"].unique()}).assign(look_other=lambda rows: rows["look"], bits=0)
    near = pd.DataFrame(facts.looks.near, columns=["look", "look_other", "bits"])
    pairs = pd.concat([same, near]).merge(seen, on="look")
    pairs = pairs.merge(seen, left_on="look_other", right_on="look", suffixes=("", "_2"))
    torn = pairs[pairs["split"] != pairs["split_2"]]
    places = np.sort(torn[["place", "place_2"]].to_numpy(), axis=1)
    found = pd.DataFrame({"one": places[:, 0], "other": places[:, 1], "bits": torn["bits"].to_numpy()})
    for one, other, bits in found.drop_duplicates().sort_values(["one", "other"]).itertuples(index=False):
        yield _leak(facts, assigned, NEAR_DUPLICATE, "", one, other, bits)


def _leak(
    facts: Facts, assigned: Numbers, check: str, shared: str, one: int, other: int, bits: int | None = None
) -> Leak:
    paths, splits = facts.paths, np.array(SPLITS)[assigned[[one, other]]]
    return Leak(check, shared, paths[one], str(splits[0]), paths[other], str(splits[1]), bits)
