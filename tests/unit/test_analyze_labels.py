"""Classes, boxes, times, places and advice, against what can be counted by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from tests.analysed import analysed
from tests.dataset_folders import CLASSES, tables_of
from treeline.analyze.boxes import box_histograms
from treeline.analyze.channels import ChannelTotals, count_channels
from treeline.analyze.dataset import Dataset
from treeline.analyze.labels import classes, cooccurrence, find_labels, target_histogram
from treeline.analyze.parts import MaskPixels
from treeline.analyze.recommendations import recommend
from treeline.analyze.suspicious import find_suspicious, listed
from treeline.analyze.when_where import GRID, MOST_PLACES, places, times
from treeline.config_datasets import Task
from treeline.errors import InputError
from treeline.io.datasets.metadata import Metadata


def dataset(task: Task, samples: int = 24, **tables: pd.DataFrame) -> Metadata:
    names = () if task == "regression" else CLASSES
    return Metadata("drawn", task, names, {**tables_of(task, samples), **tables})


def of_samples(labels: list[set[int]]) -> Metadata:
    """A multilabel dataset whose samples have these labels."""
    rows = [(number, label) for number, of_sample in enumerate(labels) for label in sorted(of_sample)]
    table = pd.DataFrame(rows, columns=["id", "label_idx"]).astype(np.int64)
    index = pd.DataFrame({"id": range(len(labels)), "image_path": [f"{number}.png" for number in range(len(labels))]})
    return Metadata("drawn", "multilabel", CLASSES, {"index": index, "labels": table})


@contextmanager
def labelled(
    metadata: Metadata, masks: Sequence[MaskPixels] = (), images: pd.DataFrame | None = None
) -> Iterator[Dataset]:
    """The dataset, with the classes of each sample."""
    with analysed(metadata, images, masks=masks) as analysis:
        find_labels(analysis)
        yield analysis


def places_of(**tables: pd.DataFrame) -> pd.DataFrame:
    with analysed(dataset("multiclass", **tables)) as analysis:
        return places(analysis)


@settings(max_examples=30)
@given(st.lists(st.sets(st.integers(0, 2)), min_size=1, max_size=12))
def test_classes_that_occur_together(labels: list[set[int]]) -> None:
    with labelled(of_samples(labels)) as analysis:
        rows = cooccurrence(analysis)
    found = {(row.first, row.second): (row.count, row.lift) for row in rows.itertuples(index=False)}
    for one in range(3):
        for other in range(one + 1, 3):
            both = sum({one, other} <= of_sample for of_sample in labels)
            alone = [sum(label in of_sample for of_sample in labels) for label in (one, other)]
            if both:
                expected = both * len(labels) / (alone[0] * alone[1])
                assert found.pop((CLASSES[one], CLASSES[other])) == (both, pytest.approx(expected))
    assert not found


def test_classes_of_splits_in_their_order() -> None:
    metadata = dataset("multiclass")
    with labelled(metadata) as analysis:
        rows = classes(analysis)
    assert list(dict.fromkeys(rows["split"])) == ["train", "val", "test"]
    assert rows["label"].tolist() == [*CLASSES] * 3
    index = metadata.index
    for row in rows.to_dict("records"):
        of_split = index[index["split"] == row["split"]]
        assert row["samples"] == (of_split["label"] == row["label"]).sum()
        assert row["share"] == pytest.approx(row["samples"] / len(of_split))


def test_classes_without_splits() -> None:
    metadata = dataset("detection")
    undivided = metadata.with_tables(index=metadata.index.drop(columns="split"))
    with labelled(undivided) as analysis:
        rows = classes(analysis)
    assert rows[["label", "split", "samples", "boxes"]].values.tolist() == [["bird", "", 16, 16], ["deer", "", 8, 8]]


def test_masks_are_counted_by_pixels() -> None:
    metadata = dataset("segmentation", 4)
    masks = [MaskPixels(0, 0, 70), MaskPixels(0, 2, 50), MaskPixels(6, 2, 20)]
    with labelled(metadata, masks) as analysis:
        rows = classes(analysis)
    assert rows[["label", "split", "samples", "pixels"]].values.tolist() == [
        ["bird", "train", 1, 70],
        ["fox", "train", 2, 70],
    ]
    refused = pytest.raises(InputError, match=r"images/001\.png: its mask has the value 3, but there are 3 classes")
    with refused, labelled(metadata, [*masks, MaskPixels(3, 3, 1)]):
        pass


def test_boxes_are_counted_by_place_size_and_area() -> None:
    box = {"label": "fox", "label_idx": 2, "x": [10.0, 0.0, 90.0], "y": [20.0, 0.0, 40.0]}
    boxes = pd.DataFrame({"id": [0, 3, 99], "number": 0, **box, "width": [20.0, 100.0, 10], "height": [10.0, 50.0, 10]})
    images = pd.DataFrame({"id": [0, 3], "width": 100, "height": 50})
    with analysed(dataset("detection", boxes=boxes), images) as analysis:
        rows = box_histograms(analysis)
    found = {kind: rows[rows["kind"] == kind].sort_values("x_low") for kind in ("centre", "size", "area")}
    assert found["centre"][["x_low", "y_low"]].to_numpy() == pytest.approx(np.array([[0.2, 0.5], [0.5, 0.5]]))
    assert found["size"][["x_low", "y_low", "y_high"]].to_numpy() == pytest.approx(
        np.array([[0.2, 0.2, 0.25], [0.95, 0.95, 1]])
    )
    assert found["area"][["x_low", "x_high"]].to_numpy().tolist() == [[2**-5, 2**-4], [0.5, 1]]
    assert (rows["label"] == "fox").all() and (rows["count"] == 1).all()
    with analysed(dataset("multiclass"), images) as analysis:
        assert box_histograms(analysis).empty


def test_times_are_counted() -> None:
    stamps = pd.to_datetime(
        ["2024-12-31 23:59:59", "2025-01-01 00:00:00", None, "2025-01-01 13:00:00", "2025-06-01 13:30:00"]
    )
    temporal = pd.DataFrame({"id": range(5), "time_of_capture": stamps})
    images = pd.DataFrame({"id": range(4), "brightness": [10.0, 20, 30, 60]})  # the fifth cannot be read
    with analysed(dataset("multiclass", temporal=temporal), images) as analysis:
        rows = pd.DataFrame(times(analysis))
    found = {(row.period, row.value): (row.samples, row.brightness) for row in rows.itertuples(index=False)}
    assert found == {
        ("hour", "0"): (1, 20),
        ("hour", "13"): (1, 60),
        ("hour", "23"): (1, 10),
        ("month", "1"): (2, 40),
        ("month", "12"): (1, 10),
        ("year", "2024"): (1, 10),
        ("year", "2025"): (2, 40),
        ("date", "2024-12-31"): (1, 10),
        ("date", "2025-01-01"): (2, 40),
    }


def test_places_of_rasters_and_photos() -> None:
    spatial = pd.DataFrame(
        {
            "id": range(3),
            "crs": ["EPSG:32633", "EPSG:32633", ""],
            "x_offset": [5.0, 5, np.nan],
            "y_offset": [7.0, 7, np.nan],
        }
    )
    rows = places_of(spatial=spatial)
    assert rows.values.tolist() == [["EPSG:32633", 5, 7, 2]]
    additional = pd.DataFrame({"id": range(3), "longitude": ["8.5", "", "9"], "latitude": ["50", "51", "51.25"]})
    rows = places_of(spatial=spatial, additional=additional)
    assert rows.values.tolist() == [["EPSG:4326", 8.5, 50, 1], ["EPSG:4326", 9, 51.25, 1]]
    assert places_of().empty


def test_many_places_are_counted_in_cells() -> None:
    count = MOST_PLACES + 1
    random = np.random.default_rng(0)
    spatial = pd.DataFrame(
        {
            "id": range(count),
            "crs": "EPSG:32633",
            "x_offset": random.uniform(0, 640, count),
            "y_offset": random.uniform(0, 64, count),
        }
    )
    rows = places_of(spatial=spatial)
    assert rows["count"].sum() == count and len(rows) <= GRID**2
    assert rows["x"].between(0, 640).all() and rows["x"].nunique() == GRID


def test_targets_of_a_regression() -> None:
    with analysed(dataset("regression")) as analysis:
        rows = target_histogram(analysis)
    assert sum(row["count"] for row in rows) == 24 and rows[0]["bin_low"] == 0 and rows[-1]["bin_high"] == 23 / 8
    with analysed(dataset("multiclass")) as analysis:
        assert target_histogram(analysis) == []


def advice(metadata: Metadata, totals: dict[str, ChannelTotals], sides: list[int]) -> dict[str, Any]:
    black = [number in (4, 5) for number in range(len(sides))]
    brightness = np.where(black, np.arange(len(sides)) - 3, 100)
    images = pd.DataFrame({"id": range(len(sides)), "width": sides, "height": sides, "digest": range(len(sides))})
    images = images.assign(high=np.where(black, 9, 250), low=0, brightness=brightness, sharpness=7.0)
    numbered = metadata.with_tables(index=metadata.index.assign(id=range(len(metadata))))
    with labelled(numbered, images=images) as analysis:
        find_suspicious(analysis)
        table = classes(analysis)
        return dict(json.loads(recommend(analysis, dict(totals), ["grey"], table, listed(analysis))))


def counted(level: int) -> ChannelTotals:
    return count_channels(np.array([[[0], [level]]], np.uint8))


def test_advice_rests_on_the_training_images() -> None:
    metadata = dataset("multiclass", 25)
    found = advice(metadata, {"train": counted(255), "test": counted(10)}, [300] * 20)
    assert found["normalisation"]["value"] == {"channels": ["grey"], "mean": [0.5], "std": [0.5]}
    training = metadata.index.loc[metadata.index["split"] == "train", "label"]
    weights = compute_class_weight("balanced", classes=np.array(CLASSES), y=training)
    assert list(found["class_weights"]["value"].values()) == pytest.approx(weights.tolist(), abs=1e-6)
    assert found["class_weights"]["basis"]["samples"] == Counter(metadata.index["split"])["train"]
    assert found["suspicious"]["value"] == {"black": [4, 5]} and found["suspicious"]["basis"]["images"] == 20
    assert all(piece["reason"].endswith(".") for piece in found.values())


def test_advice_without_splits_or_classes() -> None:
    found = advice(dataset("regression"), {"": counted(255)}, [300] * 20)
    assert "class_weights" not in found and found["normalisation"]["basis"]["pixels"] == 2


@pytest.mark.parametrize(
    ("sides", "crop"), [([300] * 20, 288), ([31] * 9, 31), ([5000] * 9, 512), ([10, *[640] * 99], 512)]
)
def test_crops_fit_into_nearly_all_images(sides: list[int], crop: int) -> None:
    assert advice(dataset("regression"), {"": counted(9)}, sides)["crop_size"]["value"] == [crop, crop]
