"""A preview's parts: which images are drawn, how they are counted, and how persons are blurred."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.previews import CATEGORIES, detection, results_of
from treeline.detections.preview.parts import Part
from treeline.detections.preview.persons import blur
from treeline.detections.preview.sample import (
    Candidate,
    Sample,
    Stratum,
    draw_of,
    highest_by_category,
    strata_of,
)
from treeline.detections.preview.tally import BINS, STEPS, Tally

THRESHOLD = 0.2

confidences = st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 0.1, 0.2, 0.4, 1.0, 0.005]))
found = st.lists(st.tuples(st.sampled_from("123"), confidences), max_size=4)
collections = st.dictionaries(st.text("abc/.", min_size=1, max_size=6), st.none() | found, max_size=30)


def image_of(name: str, boxes: list[tuple[str, float]] | None) -> dict[str, Any]:
    if boxes is None:
        return {"file": name, "detections": None, "failure": "x"}
    return {"file": name, "detections": [detection(*box) for box in boxes]}


def draw(images: list[Any], most: int) -> tuple[set[str], dict[Stratum, set[str]]]:
    """The names of the images that are drawn, and of all images by stratum."""
    sample, strata = Sample(most), defaultdict(set)
    for image in images:
        candidate = Candidate(draw_of(0, image["file"]), Part("", Path(), Path()), image, results_of([]))  # type: ignore[arg-type]
        of_image = strata_of(image, highest_by_category(image, CATEGORIES), THRESHOLD)
        sample.offer(candidate, of_image)
        for stratum in of_image:
            strata[stratum].add(image["file"])
    chosen = [candidate.image["file"] for candidate in sample.chosen()]
    assert len(chosen) == len(set(chosen))
    return set(chosen), strata


@given(collections, st.integers(1, 5), st.randoms())
def test_each_stratum_gives_as_many_images_as_asked_in_whatever_order_they_come(
    collection: dict[str, Any], most: int, random: Any
) -> None:
    images = [image_of(*item) for item in collection.items()]
    chosen, strata = draw(images, most)
    assert all(len(chosen & members) >= min(most, len(members)) for members in strata.values())
    assert len(chosen) <= sum(min(most, len(members)) for members in strata.values())
    random.shuffle(images)
    assert draw(images, most)[0] == chosen
    assert draw(images, len(images) + 1)[0] == set(collection)


@given(collections, st.integers(1, 5))
def test_an_image_that_is_added_pushes_out_one_of_each_of_its_strata_at_most(
    collection: dict[str, Any], most: int
) -> None:
    images = [image_of(*item) for item in collection.items()]
    if images:
        before = draw(images[:-1], most)[0]
        after, strata = draw(images, most)
        of_last = [stratum for stratum, members in strata.items() if images[-1]["file"] in members]
        assert len(before - after) <= len(of_last)


def test_the_strata_are_divided_by_category_and_confidence() -> None:
    def strata(*boxes: tuple[str, float]) -> list[Stratum]:
        image: Any = image_of("a", list(boxes))
        return strata_of(image, highest_by_category(image, CATEGORIES), THRESHOLD)

    assert strata(("1", 0.1), ("2", 0.2)) == [Stratum("animal", 0), Stratum("person", 1)]
    assert strata(("1", 0.3), ("1", 0.95), ("3", 1.0)) == [Stratum("animal", 4), Stratum("vehicle", 4)]
    assert strata(("1", 0.39), ("2", 0.41)) == [Stratum("animal", 1), Stratum("person", 2)]
    assert strata(("1", 0.099), ("2", -0.9)) == strata() == [Stratum("", 0)]


@given(collections)
def test_the_counts_are_those_of_every_threshold(collection: dict[str, Any]) -> None:
    images: list[Any] = [image_of(*item) for item in collection.items()]
    tally = Tally()
    by_category: dict[str, list[float]] = {name: [] for name in CATEGORIES.values()}
    for image in images:
        for box in image["detections"] or ():
            by_category[CATEGORIES[box["category"]]].append(box["conf"])
    tally.add(by_category, [highest_by_category(image, CATEGORIES) for image in images])
    data: Any = tally.as_data(list(by_category))
    for step in range(STEPS + 1):
        reaching = {
            name: sum(
                any(CATEGORIES[box["category"]] == name and box["conf"] >= step / STEPS for box in boxes or ())
                for boxes in (image["detections"] for image in images)
            )
            for name in by_category
        }
        assert [counts[step] for counts in data["reaching"]] == list(reaching.values())
    anything = [image for image in images if any(box["conf"] >= 0 for box in image["detections"] or ())]
    assert data["anyReaching"][0] == len(anything)
    assert sum(map(sum, data["histogram"])) == sum(value >= 0 for values in by_category.values() for value in values)
    assert all(len(counts) == BINS for counts in data["histogram"])


shares = st.floats(-0.01, 1.01)


@given(st.integers(1, 80), st.integers(1, 80), shares, shares, shares, shares, st.integers(0, 99))
def test_a_blur_leaves_no_detail_in_the_box_and_all_else_as_it_was(
    height: int, width: int, x: float, other_x: float, y: float, other_y: float, seed: int
) -> None:
    (left, right), (top, bottom) = sorted([x, other_x]), sorted([y, other_y])
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    blurred = noise.copy()
    blur(blurred, [(left, top, right - left, bottom - top)])
    # Edges of pixels, as shares of the image; the blur goes a tenth beyond the box, and to whole pixels.
    rows, columns = np.arange(height), np.arange(width)
    margin_x, margin_y = 0.11 * (right - left) + 1 / width, 0.11 * (bottom - top) + 1 / height
    near_columns = ((columns + 1) / width > left - margin_x) & (columns / width < right + margin_x)
    near_rows = ((rows + 1) / height > top - margin_y) & (rows / height < bottom + margin_y)
    near = near_rows[:, None] & near_columns[None, :]
    assert (blurred == noise)[~near].all()
    inside_columns = (columns / width >= left) & ((columns + 1) / width <= right)
    inside_rows = (rows / height >= top) & ((rows + 1) / height <= bottom)
    inside = blurred[inside_rows][:, inside_columns].astype(int)
    # Noise steps by 85 from pixel to pixel; averages of 16 pixels and more, a pixel apart, by far less.
    if inside.shape[0] and inside.shape[1] > 1:
        assert np.abs(np.diff(inside, axis=1)).mean() < 20
