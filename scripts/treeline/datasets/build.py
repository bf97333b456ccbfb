"""From a description to a dataset's metadata, step by step; each reads the metadata of the one before.

<name>/steps/00-source/metadata.h5              what the source says; masks, where there are, in masks/
       steps/01-measure/metadata.h5             what the pixels say
       steps/02-<step>/metadata.h5, dropped.csv  after each step of the description; new images in images.tar
       metadata.h5                              the last one's tables, with the splits
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from treeline.datasets.classes import number_labels, present_classes
from treeline.datasets.description import read_description
from treeline.datasets.measure import MISSING, measure
from treeline.datasets.sources import read_source
from treeline.datasets.sources.rows import assemble
from treeline.datasets.steps import read_steps
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder, link_or_copy_into, write_text
from treeline.io.csv_tables import csv_text
from treeline.io.datasets.metadata import ID, SPLITS, Metadata, put_metadata, read_metadata, write_metadata
from treeline.io.tables import read_table

log = logging.getLogger(__name__)

FILE = "metadata.h5"
DROPPED = "dropped.csv"
DROPPED_COLUMNS = ("id", "image_path", "reason")

Dropped: TypeAlias = Mapping[int, str]
"""Reason by id."""


def write_source(description_file: Path, folder: Path, table: Path | None = None) -> Metadata:
    """Write the first step's folder.

    Args:
        description_file: YAML.
        folder: Replaced as a whole, or not at all.
        table: The answer of the source's query, where it has one.

    Raises:
        InputError: The description or the source is refused, or a mask cannot be read; names the sample.
    """
    description = read_description(description_file)
    read_steps(description_file, description)
    rows = read_source(description, table)
    metadata = assemble(description_file.stem, description, rows)
    with atomic_folder(folder) as temporary:
        for name, file in rows.masks.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy_into(file, temporary / name)
        if rows.masks:
            metadata = replace(metadata, images=(*metadata.images, str(folder)))
        put_metadata(metadata, temporary / FILE)
    return metadata


def write_measured(previous: Path, description_file: Path, folder: Path, *, threads: int) -> Metadata:
    """Measure all samples, and refuse those that cannot be used where no later step drops them.

    Raises:
        InputError: Such a sample is not dropped; names the first, and counts all.
    """
    steps = {step.name for step in read_steps(description_file, read_description(description_file))}
    metadata = measure(read_metadata(previous), threads=threads)
    problems = _problems(metadata)
    kept = problems[
        [("drop_missing" if problem == MISSING else "drop_unreadable") not in steps for problem in problems["problem"]]
    ]
    _refuse_problems(previous, kept)
    with atomic_folder(folder) as temporary:
        put_metadata(metadata, temporary / FILE)
    return metadata


def write_step(previous: Path, description_file: Path, number: int, folder: Path) -> tuple[Metadata, Dropped]:
    """Do one step of a description.

    Args:
        previous: Metadata of the one before.
        description_file: YAML.
        number: Place of the step in the description, from 1.
        folder: Replaced as a whole, or not at all.

    Returns:
        What is left, and what was dropped.

    Raises:
        InputError: There is no such step, it is refused, or it leaves no sample.
    """
    description = read_description(description_file)
    steps = read_steps(description_file, description)
    if number > len(steps):
        raise InputError(description_file, f"has {len(steps)} steps, and no number {number}.", field="steps")
    step, metadata = steps[number - 1], read_metadata(previous)
    with atomic_folder(folder) as temporary:
        outcome = step.apply(metadata, temporary)
        made, dropped = outcome.metadata, outcome.dropped
        if len(dropped) == len(metadata):
            reason = next(iter(dropped.values()), "")
            raise InputError(previous, f"the step {step.name} drops all {len(metadata):,} samples: {reason}.")
        if outcome.has_new_images:
            made = measure(made)
            _refuse_problems(previous, _problems(made))
            # They were measured where they were written; when all is done they lie in the step's own folder.
            made = replace(made, images=tuple(str(folder / Path(image).name) for image in made.images))
        _write_dropped(temporary / DROPPED, metadata, dropped)
        left = made.only(made.index[ID][~made.index[ID].isin(list(dropped))])
        if not description.classes and len(description.labels) <= 1:  # else it is said which classes there are
            left = number_labels(left, present_classes(left))
        put_metadata(left, temporary / FILE)
    return left, dropped


def write_finished(previous: Path, splits: Path, target: Path) -> Metadata:
    """Write the dataset's own metadata: the last step's, with `split` in the index.

    Args:
        previous: Metadata of the last step.
        splits: Parquet of `id` and `split`.
        target: The file; replaced as a whole, or not at all.

    Raises:
        InputError: A sample has no split, two, or one that is none, or cannot be used; names it.
    """
    metadata = read_metadata(previous)
    _refuse_problems(previous, _problems(metadata))
    assigned = read_table(splits, {ID: "BIGINT", "split": "VARCHAR"}).to_pandas()
    if assigned[ID].duplicated().any():
        raise InputError(splits, f"the sample {assigned[ID][assigned[ID].duplicated()].iloc[0]} is there twice.")
    split = metadata.index[ID].map(assigned.set_index(ID)["split"])
    if (wrong := ~split.isin(SPLITS)).any():
        sample = metadata.index[wrong].iloc[0]
        problem = f"{sample['image_path']} (id {sample[ID]}) has no split out of {', '.join(SPLITS)}."
        raise InputError(splits, problem, fix="Divide the dataset anew.")
    finished = metadata.with_tables(
        index=metadata.index.assign(split=split),
        additional=metadata.tables["additional"].drop(columns="problem"),
    )
    write_metadata(finished, target)
    return finished


def _problems(metadata: Metadata) -> pd.DataFrame:
    """Samples that cannot be used: `id`, `image_path`, `problem`."""
    merged = metadata.index[[ID, "image_path"]].merge(metadata.tables["additional"][[ID, "problem"]], on=ID)
    return merged[merged["problem"] != ""]


def _refuse_problems(file: Path, problems: pd.DataFrame) -> None:
    if problems.empty:
        return
    first = problems.iloc[0]
    more = f" {len(problems) - 1:,} more cannot be used either." if len(problems) > 1 else ""
    step = "drop_missing" if first["problem"] == MISSING else "drop_unreadable"
    fix = f"Mend it, or leave such samples out with the step `{step}`."
    raise InputError(file, f"{first['image_path']}: {first['problem']}.{more}", fix=fix)


def _write_dropped(target: Path, metadata: Metadata, dropped: Dropped) -> None:
    index = metadata.index[metadata.index[ID].isin(list(dropped))]
    names = zip(index[ID].tolist(), index["image_path"], strict=True)
    write_text(target, csv_text(DROPPED_COLUMNS, [(id, name, dropped[id]) for id, name in names]))
