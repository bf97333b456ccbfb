"""From what a source says of its samples to the tables of a dataset: sorted, numbered, labels checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from treeline.datasets.description import Description
from treeline.errors import InputError
from treeline.io.datasets.metadata import ID, Metadata

ROW = "row"
ORIGIN = "origin"
BOX = ("x", "y", "width", "height")
RGB = ("red", "green", "blue")
RESERVED = frozenset((ID, "image_path", "sha256", "split", "label", "label_idx", "target", "mask_path", ROW, ORIGIN))
"""Columns that Treeline makes itself."""

TIME = r"(\d{4})[-:](\d\d)[-:](\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(?:Z|[+-]\d\d(?::?\d\d)?)?"
"""ISO 8601 or EXIF; local time, and so what is said of a time zone is left off."""

NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?"
ONE = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}


@dataclass(frozen=True)
class SourceRows:
    """What a source says of its samples.

    Args:
        samples: A row each, in any order: `image_path`; `row`, the number from 1 in its table, 0 where there is none;
            `origin`, the file to name in errors; `mask_path` where there are masks; and columns as the source has them:
            text, None where it is missing, or numbers.
        images: Folders, archives and shards in which the images are found.
        label: Column of the label where the description names none.
        boxes: A row a box: `image_path`, `label`, and `BOX` in pixels of the upright image.
        masks: File of each mask, by its `mask_path`.
        channels: Names of the images' channels.
    """

    samples: pd.DataFrame
    images: tuple[str, ...]
    label: str | None = None
    boxes: pd.DataFrame | None = None
    masks: dict[str, Path] = field(default_factory=dict)
    channels: tuple[str, ...] = RGB


def needed_columns(description: Description) -> list[str]:
    """Columns that a source has to bring beside its images, labels aside; each once."""
    splits = description.splits
    of_splits = [splits.column] if splits.column is not None and splits.kind in ("predefined", "time") else []
    of_time = [description.time] if description.time is not None else []
    return list(dict.fromkeys((*description.groups, *of_time, *description.keep, *of_splits)))


def assemble(name: str, description: Description, rows: SourceRows) -> Metadata:
    """Put the tables together: samples in the order of `image_path`, which gives each its id.

    Raises:
        InputError: There is no sample, a name is there twice, a label is none of the classes or no number, or a time
            cannot be read; names the sample.
    """
    samples = rows.samples.sort_values("image_path", kind="stable", ignore_index=True)
    _check_names(description, samples)
    samples.insert(0, ID, np.arange(len(samples), dtype=np.int64))
    labels = description.labels or ([rows.label] if rows.label is not None else [])
    if not labels and description.task in ("multiclass", "multilabel", "regression"):
        raise InputError(description.source.path, f"a task {description.task} needs `labels`: the column of the label.")
    groups = {group: _text(samples[group]) for group in description.groups}
    index = pd.DataFrame({ID: samples[ID], "image_path": samples["image_path"], "sha256": ""})
    tables: dict[str, pd.DataFrame] = {}
    class_names: tuple[str, ...] = ()
    if description.task == "regression":
        index["target"] = _targets(samples, labels[0])
    elif description.task == "segmentation":
        class_names = tuple(description.classes)
        index["mask_path"] = samples["mask_path"]
    else:
        long = _long_labels(description, samples, rows, labels)
        class_names = _class_names(description, samples, long, labels)
        long["label_idx"] = (
            long["label"].map({label: place for place, label in enumerate(class_names)}).astype(np.int64)
        )
        if description.task == "multiclass":
            index[["label", "label_idx"]] = long[["label", "label_idx"]]
        else:
            tables["boxes" if description.task == "detection" else "labels"] = long
    tables["index"] = index.assign(**groups)
    tables["temporal"] = samples[[ID]].assign(time_of_capture=_times(samples, description.time))
    tables["additional"] = _additional(description, samples)
    return Metadata(name, description.task, class_names, tables, rows.images, rows.channels)


def refuse(samples: pd.DataFrame, place: int, problem: str, column: str | None = None, fix: str = "") -> InputError:
    """An error that names the sample in a row of `samples`."""
    row = samples.iloc[place]
    return InputError(row[ORIGIN], f"{row['image_path']}: {problem}", row=int(row[ROW]) or None, field=column, fix=fix)


def _check_names(description: Description, samples: pd.DataFrame) -> None:
    if not len(samples):
        raise InputError(description.source.path, "has no sample.", fix="Check the path.")
    if reserved := sorted(RESERVED & {*description.groups, *description.keep} - {"split"}):
        raise InputError(description.source.path, "is a name that Treeline needs itself.", field=reserved[0])
    if "split" in description.groups:
        raise InputError(description.source.path, "is a name that Treeline needs itself.", field="split")
    if (nameless := samples["image_path"].isna() | (samples["image_path"] == "")).any():
        raise refuse(samples, int(nameless.argmax()), "the image has no name.", description.source.image)
    if (twice := samples["image_path"].duplicated()).any():
        raise refuse(samples, int(twice.argmax()), "is there twice.", fix="Give each image one row.")


def _long_labels(
    description: Description, samples: pd.DataFrame, rows: SourceRows, labels: Sequence[str]
) -> pd.DataFrame:
    """A row a label, by id: of the sample, or of a box with its number and place."""
    if description.task == "detection":
        if rows.boxes is None:
            fix = "Give a table with a column of boxes, or a training set: treeline catalog detector-set."
            raise InputError(description.source.path, "has no boxes, which a detection needs.", fix=fix)
        boxes = rows.boxes.merge(samples[[ID, "image_path"]], on="image_path").sort_values(ID, kind="stable")
        boxes.insert(1, "number", boxes.groupby(ID).cumcount())
        return boxes[[ID, "number", "label", *BOX]].reset_index(drop=True)
    if description.task == "multiclass":
        label = _text(samples[labels[0]])
        if (empty := label == "").any():
            fix = "Leave it out of the table, or give it one."
            raise refuse(samples, int(empty.argmax()), "has no label.", labels[0], fix)
        return pd.DataFrame({ID: samples[ID], "label": label})
    found = [(sample, label) for sample, label in _several_labels(samples, labels)]
    return pd.DataFrame(found, columns=[ID, "label"]).astype({ID: np.int64, "label": object})


def _several_labels(samples: pd.DataFrame, labels: Sequence[str]) -> Iterator[tuple[int, str]]:
    if len(labels) == 1:
        for place, value in enumerate(_text(samples[labels[0]])):
            try:
                several = json.loads(value or "[]")
            except ValueError:
                several = None
            if not isinstance(several, list) or not all(isinstance(label, str) for label in several):
                fix = "Give a list, in CSV as JSON, or a column of 0 and 1 for each label."
                raise refuse(samples, place, f"{value!r} is no list of labels.", labels[0], fix)
            yield from ((place, label) for label in sorted(set(several)))
        return
    columns = {}
    for label in sorted(labels):
        columns[label] = _text(samples[label]).str.lower().map(ONE)
        if (neither := columns[label].isna()).any():
            place = int(neither.argmax())
            raise refuse(samples, place, f"{samples[label].iloc[place]!r} is neither 0 nor 1.", label)
    for place in range(len(samples)):
        yield from ((place, label) for label in sorted(labels) if columns[label].iloc[place])


def _class_names(
    description: Description, samples: pd.DataFrame, long: pd.DataFrame, labels: Sequence[str]
) -> tuple[str, ...]:
    """Classes in sorted order: those that there may be, else those that there are."""
    several_columns = len(labels) > 1
    if not description.classes:
        return tuple(sorted(labels if several_columns else set(long["label"])))
    if (other := ~long["label"].isin(description.classes)).any():
        first = long[other].iloc[0]
        problem = f"its label {first['label']!r} is none of the classes: {', '.join(sorted(description.classes))}."
        fix = "Add it to `classes`, or mend the label."
        raise refuse(samples, int(first[ID]), problem, None if several_columns or not labels else labels[0], fix)
    return tuple(sorted(description.classes))


def _targets(samples: pd.DataFrame, column: str) -> pd.Series[float]:
    numbers = pd.to_numeric(samples[column], errors="coerce").astype(np.float64)
    if (wrong := ~np.isfinite(numbers)).any():
        place = int(np.argmax(wrong))
        raise refuse(samples, place, f"{samples[column].iloc[place]!r} is no finite number.", column)
    return numbers


def _times(samples: pd.DataFrame, column: str | None) -> pd.Series[pd.Timestamp]:
    if column is None:
        return pd.Series(pd.NaT, index=samples.index, dtype="datetime64[ns]")
    text = _text(samples[column])
    parts = text.str.extract(f"^{TIME}$")
    iso = parts[0] + "-" + parts[1] + "-" + parts[2] + "T" + parts[3].fillna("00:00")
    times = pd.to_datetime(iso, format="ISO8601", errors="coerce").astype("datetime64[ns]")
    if (wrong := times.isna() & (text != "")).any():
        place = int(wrong.argmax())
        fix = "Give YYYY-MM-DD HH:MM:SS, or nothing."
        raise refuse(samples, place, f"{text.iloc[place]!r} is no time.", column, fix)
    return times


def _additional(description: Description, samples: pd.DataFrame) -> pd.DataFrame:
    """What comes along: what is to be kept, and the column that the splits go by."""
    elsewhere = {*description.groups, description.time} - {*description.keep}
    columns = [column for column in needed_columns(description) if column not in elsewhere]
    return samples[[ID]].assign(**{column: _as_numbers(samples[column]) for column in columns})


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of text that holds nothing but numbers as numbers: CSV and Parquet give the same."""
    if pd.api.types.is_numeric_dtype(column):
        is_whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
        return column.astype(np.int64 if is_whole else np.float64)
    text = _text(column)
    given = text[text != ""]
    if not len(given) or not given.str.fullmatch(NUMBER).all():
        return text
    numbers = pd.to_numeric(text.where(text != ""))
    return numbers if numbers.dtype == np.int64 else numbers.astype(np.float64)


def _text(column: pd.Series[Any]) -> pd.Series[str]:
    """As text, which is empty where the value is missing."""
    return column.map(lambda value: "" if pd.isna(value) else str(value)).astype(object)
