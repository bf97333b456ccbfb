"""Locations that meet in a sequence, directly or not, are one group, and in one split of a set of crops."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tests.training_sets import ANIMAL, Sequences, build, crop_set, rows_of, split_table, write_images
from treeline.catalog.meetings import together


@given(
    st.integers(1, 12).flatmap(
        lambda size: st.tuples(st.just(size), st.lists(st.tuples(*[st.integers(0, size - 1)] * 2)))
    )
)
def test_groups_are_connected_components(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    size, met = drawn
    groups = together(range(size), met)
    pairs = ([one for one, _ in met], [other for _, other in met])
    _, labels = connected_components(coo_array(([1] * len(met), pairs), (size, size)), directed=False)
    assert sorted(groups) == sorted(
        [number for number in range(size) if labels[number] == label] for label in set(labels)
    )
    assert [group[0] for group in groups] == sorted(min(group) for group in groups)


def walk(number: int, *stations: str | None) -> Sequences:
    images = [
        {"file": f"{number}-{frame}.png", "frame_num": frame, "bbox": [ANIMAL]} | ({"location": one} if one else {})
        for frame, one in enumerate(stations)
    ]
    return [{"dataset": "caltech", "seq_id": f"walk{number}", "class": ["deer"], "images": images}]


def test_crops_of_places_that_meet_are_in_one_split(tmp_path: Path) -> None:
    """Those that meet a place with a split follow it; those that meet an image without a place are for training."""
    sequences = [one for number in range(12) for one in walk(number, f"a{number}", f"b{number}")]
    sequences += [*walk(12, "b0", "c0"), *walk(13, "d", None), *walk(14, "e", "f"), *walk(15, "far")]
    names = [image["file"] for sequence in sequences for image in sequence["images"]]
    catalog = build(tmp_path / "c.duckdb", sequences, split_table(test=["e"]))
    crop_set(catalog, tmp_path / "set", write_images(tmp_path / "images", names), shares=(0.4, 0.3, 0.3))
    splits = {row["location"]: row["split"] for row in rows_of(tmp_path / "set" / "crops.csv")}
    assert all(splits[f"a{number}"] == splits[f"b{number}"] for number in range(12))
    assert (splits["c0"], splits["d"], splits["f"]) == (splits["b0"], "train", "test")
    assert {splits[f"a{number}"] for number in range(12)} == {"train", "val", "test"}
