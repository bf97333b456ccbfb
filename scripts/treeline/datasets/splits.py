"""Divide a dataset among training, validation and testing.

Samples that must not be parted are first put together: those of the same group, such as a location or a sequence, of
the same bytes, and those that look alike, directly or through others. Such a clump is then placed as a whole, in one of
several ways. All of it depends on the samples alone, not on the order of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from treeline.datasets.description import SplitOptions
from treeline.datasets.split_facts import Facts
from treeline.datasets.split_times import by_time
from treeline.errors import InputError
from treeline.io.balance import FREE, Counts, Numbers, divide
from treeline.io.datasets.metadata import ID, SPLITS
from treeline.io.parquet import write_table
from treeline.io.tables import read_table

NUMBER = {split: number for number, split in enumerate(SPLITS)}
SPLITS_TABLE = pa.schema({ID: pa.int64(), "image_path": pa.string(), "split": pa.string()})


def shares_of(options: SplitOptions) -> tuple[float, float, float]:
    """Wanted shares of training, validation and testing."""
    return (1 - options.val - options.test, options.val, options.test)


def find_clumps(facts: Facts) -> Numbers:
    """Number the clumps of samples that must not be parted, in the order of their first samples.

    Samples and the values that they share are the nodes of a graph; clumps are its components.
    """
    samples = np.arange(len(facts))
    edges, nodes = [np.zeros((0, 2), np.int64)], len(facts)
    for values in facts.keys.values():
        given = np.flatnonzero(values != "")
        codes, distinct = pd.factorize(values.iloc[given])
        edges.append(np.column_stack([samples[given], nodes + codes]))
        nodes += len(distinct)
    seen = np.flatnonzero(facts.looks.numbers >= 0)
    edges.append(np.column_stack([samples[seen], nodes + facts.looks.numbers[seen]]))
    edges.append(nodes + facts.looks.near[:, :2])
    nodes += int(facts.looks.numbers.max(initial=-1)) + 1
    one, other = np.concatenate(edges).T
    graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    _, numbers = connected_components(graph, directed=False)
    return np.asarray(pd.factorize(numbers[: len(facts)])[0], np.int64)


def assign_splits(facts: Facts, options: SplitOptions, clumps: Numbers) -> Numbers:
    """Find a split for every sample.

    Args:
        facts: What is known of the samples.
        options: How they are to be divided.
        clumps: Of each sample, the number of its clump.

    Returns:
        Of each sample, the number of its split.

    Raises:
        InputError: A sample's split is none, it has no time where one is needed, or what stays where it is is in one
            clump with what stays in another split.
    """
    if options.kind == "predefined":
        return _predefined(facts, str(options.column))
    given = _given(facts, options.known, clumps)
    shares, sizes = shares_of(options), np.bincount(clumps)
    if options.kind == "time":
        return by_time(facts, options, clumps, given, shares)[clumps]
    if options.kind == "random":
        assigned = _drawn(sizes, given, shares, options.seed)
    else:
        assigned = divide(_counts(facts, clumps), given, shares, options.seed)
    _fill_empty(assigned, sizes, given == FREE, shares)
    return assigned[clumps]


def write_splits(facts: Facts, assigned: Numbers, target: Path) -> None:
    """Write `id`, `image_path` and `split` of every sample in the order of `id`, as a whole or not at all."""
    index = facts.metadata.index
    table = pd.DataFrame({ID: index[ID], "image_path": index["image_path"], "split": np.array(SPLITS)[assigned]})
    write_table(target, pa.Table.from_pandas(table.sort_values(ID), SPLITS_TABLE, preserve_index=False))


def _predefined(facts: Facts, name: str) -> Numbers:
    column = facts.column(name)
    numbers = column.map(NUMBER)
    if (wrong := numbers.isna()).any():
        position = int(wrong.argmax())
        problem = f"its split is {column.iloc[position]!r}, and not {', '.join(SPLITS[:-1])} or {SPLITS[-1]}."
        raise facts.refuse(position, problem, name)
    return np.asarray(numbers, np.int64)


def _given(facts: Facts, known: str | None, clumps: Numbers) -> Numbers:
    """Of each clump the split that it has by an earlier build, or `FREE`."""
    given = np.full(int(clumps.max()) + 1, FREE)
    if known is None:
        return given
    splits = facts.paths.map(_read_known(Path(known)))
    stays = splits[splits.notna()]
    numbers, of = np.asarray(stays.map(NUMBER), np.int64), clumps[stays.index]
    given[of] = numbers
    for place in np.flatnonzero(given[of] != numbers)[:1]:
        other = np.flatnonzero((of == of[place]) & (numbers != numbers[place]))[0]
        one, two = (f"{facts.paths[stays.index[one]]} is for {stays.iloc[one]}" for one in (place, other))
        problem = f"{one} and {two}, but now they share a group or look alike, if only through others."
        raise InputError(known, problem, fix="Leave one of them out, or `splits.known`, and divide anew.")
    return given


def _read_known(file: Path) -> pd.Series[str]:
    """Splits by `image_path`."""
    known = read_table(file, {"image_path": "VARCHAR", "split": "VARCHAR"}).to_pandas()
    if (wrong := ~known["split"].isin(SPLITS)).any():
        first = known[wrong].iloc[0]
        raise InputError(file, f"{first['image_path']}: its split is {first['split']!r}.", field="split")
    if (twice := known["image_path"].duplicated()).any():
        raise InputError(file, f"{known['image_path'][twice].iloc[0]} is there twice.", field="image_path")
    splits: pd.Series[str] = known.set_index("image_path")["split"]
    return splits


def _counts(facts: Facts, clumps: Numbers) -> Counts:
    """Samples of each clump as the label 0, and its labels."""
    codes = pd.factorize(facts.labels["label"], sort=True)[0].astype(np.int64)
    rows = np.column_stack([clumps[facts.labels["position"]], codes + 1])
    alone = np.column_stack([clumps, np.zeros_like(clumps)])
    pairs, amounts = np.unique(np.concatenate([alone, rows]), axis=0, return_counts=True)
    return Counts(pairs[:, 0], pairs[:, 1], amounts)


def _drawn(sizes: Numbers, given: Numbers, shares: Sequence[float], seed: int) -> Numbers:
    """Lay the clumps in a drawn order, and cut where each split has what it still wants."""
    assigned = given.copy()
    order = np.random.default_rng(seed).permutation(np.flatnonzero(given == FREE))
    held = np.bincount(given[given != FREE], sizes[given != FREE], minlength=len(SPLITS))
    wanted = np.maximum(np.array(shares) * sizes.sum() - held, 0)
    middles = np.cumsum(sizes[order]) - sizes[order] / 2
    assigned[order] = _cut(middles, wanted * sizes[order].sum() / wanted.sum())
    return assigned


def _cut(middles: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> Numbers:
    """Cut a line into one part for each split: the number of the part in which each of `middles` lies."""
    allowed = np.flatnonzero(wanted > 0)
    places = np.searchsorted(np.cumsum(wanted[allowed])[:-1], middles, side="right")
    return np.asarray(allowed[places], np.int64)


def _fill_empty(assigned: Numbers, sizes: Numbers, free: npt.NDArray[np.bool_], shares: Sequence[float]) -> None:
    """Give each wanted split that has nothing the smallest clump of the largest split that can spare one."""
    for split in np.flatnonzero(np.array(shares) > 0):
        clumps = np.bincount(assigned, minlength=len(shares))
        spare = np.flatnonzero(free & (clumps[assigned] > 1))
        if clumps[split] == 0 and len(spare):
            held = np.bincount(assigned, sizes, minlength=len(shares))
            assigned[spare[np.lexsort((spare, sizes[spare], -held[assigned[spare]]))[0]]] = split
