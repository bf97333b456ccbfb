"""Which classes there are, how often, and which of them together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.channel_tables import bin_rows
from treeline.analyze.parts import MaskPixels
from treeline.errors import InputError
from treeline.io.datasets.metadata import ID, SPLITS, Metadata

TARGET_BINS = 64


def labels_of_samples(metadata: Metadata, masks: list[MaskPixels]) -> pd.DataFrame:
    """Find the classes of each sample: by its masks, its labels, its boxes or its label, whichever it has.

    Returns:
        A row a class of a sample: id, label_idx, boxes, pixels.

    Raises:
        InputError: A mask has a value that is no class; names the sample.
    """
    if metadata.task == "segmentation":
        rows = pd.DataFrame(masks, columns=list(MaskPixels._fields)).assign(boxes=0)
        _check_masks(metadata, rows)
        return rows
    boxes = metadata.tables.get("boxes", pd.DataFrame(columns=[ID, "label_idx"]))
    boxes_of = boxes.groupby([ID, "label_idx"]).size().rename("boxes").reset_index()
    if "labels" in metadata.tables:
        labels = metadata.tables["labels"][[ID, "label_idx"]].drop_duplicates()
    elif "label_idx" in metadata.index:
        labels = metadata.index[[ID, "label_idx"]]
    else:
        labels = boxes_of[[ID, "label_idx"]]
    joined = labels.merge(boxes_of, on=[ID, "label_idx"], how="left")
    return joined.assign(boxes=joined["boxes"].fillna(0).astype("int64"), pixels=0)


def classes(metadata: Metadata, labels: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table `classes`."""
    splits = splits_of(metadata)
    joined = labels.assign(split=splits.reindex(labels[ID]).to_numpy())
    rows = joined.groupby(["split", "label_idx"], as_index=False).agg(
        samples=(ID, "size"), boxes=("boxes", "sum"), pixels=("pixels", "sum")
    )
    place = rows["split"].map({split: place for place, split in enumerate(SPLITS)})
    rows = rows.assign(place=place).sort_values(["place", "split", "label_idx"], kind="stable")
    share = rows["samples"] / rows["split"].map(splits.value_counts()).astype(float)
    return rows.assign(label=named(metadata, rows["label_idx"]), share=share)


def cooccurrence(metadata: Metadata, labels: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table `cooccurrence`; lift is P(both) / (P(first) P(second))."""
    pair = labels[[ID, "label_idx"]]
    both = pair[pair[ID].duplicated(keep=False)].merge(pair, on=ID)
    both = both[both["label_idx_x"] < both["label_idx_y"]]
    rows = both.groupby(["label_idx_x", "label_idx_y"]).size().reset_index(name="count")
    samples = labels["label_idx"].value_counts()
    independent = rows["label_idx_x"].map(samples) * rows["label_idx_y"].map(samples) / len(metadata)
    return rows.assign(
        first=named(metadata, rows["label_idx_x"]),
        second=named(metadata, rows["label_idx_y"]),
        lift=rows["count"] / independent,
    )


def target_histogram(metadata: Metadata) -> list[dict[str, Any]]:
    """Rows of the table `histograms` of the space `target`; none where the task is no regression."""
    if metadata.task != "regression":
        return []
    counts, edges = np.histogram(metadata.index["target"].dropna().to_numpy(np.float64), TARGET_BINS)
    return bin_rows("target", "target", edges, counts)


def named(metadata: Metadata, label_idx: pd.Series[Any]) -> list[str]:
    """Names of the classes that have these numbers."""
    return [metadata.class_names[number] for number in label_idx.tolist()]


def splits_of(metadata: Metadata) -> pd.Series[Any]:
    """Split of each sample by id; empty where there are none."""
    index = metadata.index
    values = index["split"] if "split" in index else pd.Series("", index=index.index)
    return pd.Series(values.to_numpy(), index=index[ID].to_numpy())


def _check_masks(metadata: Metadata, rows: pd.DataFrame) -> None:
    wrong = rows[rows["label_idx"] >= len(metadata.class_names)]
    if len(wrong):
        number, value = int(wrong[ID].iloc[0]), int(wrong["label_idx"].iloc[0])
        name = metadata.index.loc[metadata.index[ID] == number, "image_path"].iloc[0]
        classes = len(metadata.class_names)
        raise InputError(name, f"its mask has the value {value}, but there are {classes} classes, from 0.")
