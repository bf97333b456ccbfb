"""Rare classes of a sequence give way to its most frequent one."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from megadetector.postprocessing import classification_postprocessing as oracle
from megadetector.postprocessing.validate_batch_results import validate_batch_results
from megadetector.utils.wi_taxonomy_utils import clean_taxonomy_string, taxonomy_level_index

from treeline.detections.locations import LocationRule
from treeline.detections.smooth import STEP, SmoothParameters, smooth_results
from treeline.detections.smoothing import MajorityRules, parse_taxon, smooth_counts
from treeline.errors import InputError

DESCRIPTIONS = {
    "animal": "a;;;;;;animal",
    "other": "b;;;;;;other",
    "car": "c;;;;;;car",
    "carnivore": "d;mammalia;carnivora;;;;carnivore",
    "dog family": "e;mammalia;carnivora;canidae;;;dog family",
    "wolf": "f;mammalia;carnivora;canidae;canis;lupus;wolf",
    "dog": "g;mammalia;carnivora;canidae;canis;lupus familiaris;dog",
    "fox": "h;mammalia;carnivora;canidae;vulpes;vulpes;fox",
    "cow": "i;mammalia;cetartiodactyla;bovidae;bos;taurus;cow",
    "deer": "j;mammalia;cetartiodactyla;cervidae;cervus;elaphus;deer",
}
TAXA = {name: parse_taxon(description) for name, description in DESCRIPTIONS.items()}
RULES = MajorityRules()
FOLDERS = LocationRule()

counts_of_classes = st.dictionaries(st.sampled_from(sorted(DESCRIPTIONS)), st.integers(1, 9), max_size=6)
rules = st.builds(MajorityRules, st.integers(1, 6), st.integers(0, 4), st.integers(1, 4))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"deer": 5, "cow": 1}, {"cow": "deer"}),
        ({"deer": 3, "cow": 1}, {}),
        ({"deer": 5, "cow": 2}, {}),
        ({"deer": 2, "other": 9}, {}),
        ({"deer": 2, "other": 2}, {"other": "deer"}),
        ({"deer": 1, "other": 1}, {}),
        ({"deer": 3, "other": 1, "cow": 1}, {"other": "deer", "cow": "deer"}),
        ({"deer": 4, "cow": 4, "other": 1, "dog": 1}, {}),
        ({"deer": 5, "car": 1}, {"car": "deer"}),
    ],
)
def test_the_most_frequent_class_overwrites_the_rare_ones(counts: dict[str, int], expected: dict[str, str]) -> None:
    assert smooth_counts(counts, {}, RULES) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"carnivore": 1, "fox": 2}, {"carnivore": "fox"}),
        ({"carnivore": 9, "fox": 1}, {"carnivore": "fox"}),
        ({"carnivore": 1, "dog family": 3, "fox": 1}, {"carnivore": "fox", "dog family": "fox"}),
        ({"carnivore": 1, "fox": 2, "wolf": 2}, {}),
        ({"carnivore": 1, "fox": 3, "wolf": 2}, {"carnivore": "fox"}),
        ({"dog": 1, "wolf": 5}, {"wolf": "dog"}),
        ({"deer": 5, "car": 1}, {}),
        ({"deer": 5, "carnivore": 1, "fox": 1}, {"carnivore": "deer", "fox": "deer"}),
        ({"animal": 1, "deer": 1}, {}),
    ],
)
def test_a_taxon_becomes_a_more_precise_one(counts: dict[str, int], expected: dict[str, str]) -> None:
    assert smooth_counts(counts, TAXA, RULES) == expected


def apply(counts: Mapping[str, int], changes: Mapping[str, str]) -> Counter[str]:
    after: Counter[str] = Counter()
    for name, count in counts.items():
        after[changes.get(name, name)] += count
    return after


@given(counts_of_classes, rules, st.booleans())
def test_a_second_smoothing_changes_nothing(counts: dict[str, int], of_count: MajorityRules, with_taxa: bool) -> None:
    taxa = TAXA if with_taxa else {}
    after = apply(counts, smooth_counts(counts, taxa, of_count))
    assert after.total() == sum(counts.values())
    assert smooth_counts(after, taxa, of_count) == {}


@given(counts_of_classes, rules, st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(
    counts: dict[str, int], of_count: MajorityRules, chance: random.Random
) -> None:
    shuffled = list(counts.items())
    chance.shuffle(shuffled)
    assert smooth_counts(dict(shuffled), TAXA, of_count) == smooth_counts(counts, TAXA, of_count)


def results_of(sequence: Sequence[str], with_descriptions: bool) -> dict[str, Any]:
    """An image with one detection for each class that is given."""
    numbers = {name: str(number) for number, name in enumerate(DESCRIPTIONS)}
    images = [
        {
            "file": f"camera/{place}.jpg",
            "datetime": "2024:01:01 00:00:00",
            "detections": [
                {"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1], "classifications": [[numbers[name], 0.8]]}
            ],
        }
        for place, name in enumerate(sequence)
    ]
    content: dict[str, Any] = {
        "info": {"format_version": "1.6"},
        "detection_categories": {"1": "animal"},
        "classification_categories": {number: name for name, number in numbers.items()},
        "images": images,
    }
    if with_descriptions:
        content["classification_category_descriptions"] = {numbers[name]: text for name, text in DESCRIPTIONS.items()}
    return content


def smooth_with_the_megadetector_package(content: dict[str, Any]) -> dict[str, Any]:
    """Smooth until nothing changes any more, all images in one sequence."""
    sequence = [{"file_name": image["file"], "seq_id": "s"} for image in content["images"]]
    options = oracle.ClassificationSmoothingOptions()
    options.add_pre_smoothing_description = False
    before, after = None, content
    while before != after:
        before = copy.deepcopy(after)
        after = oracle.smooth_classification_results_sequence_level(before, sequence, options=options)
    return after


def classes(content: dict[str, Any]) -> list[str]:
    names = content["classification_categories"]
    return [names[found["classifications"][0][0]] for image in content["images"] for found in image["detections"]]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(counts_of_classes, st.booleans())
def test_where_order_does_not_decide_it_is_what_the_megadetector_package_does_until_nothing_changes(
    tmp_path: Path, counts: dict[str, int], with_descriptions: bool
) -> None:
    content = results_of([name for name, count in counts.items() for _ in range(count)], with_descriptions)
    theirs = classes(smooth_with_the_megadetector_package(content))
    # Of classes that are equally frequent, theirs takes the one that comes first in the file.
    content["images"].reverse()
    assume(theirs == classes(smooth_with_the_megadetector_package(content))[::-1])
    content["images"].reverse()
    (tmp_path / "results.json").write_text(json.dumps(content))
    smooth_results(tmp_path / "results.json", tmp_path / "out.json", SmoothParameters(), FOLDERS)
    assert classes(json.loads((tmp_path / "out.json").read_text())) == theirs


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
def test_descriptions_are_read_as_the_megadetector_package_reads_them(name: str) -> None:
    theirs = clean_taxonomy_string(DESCRIPTIONS[name]).strip(";")
    assert ";".join(TAXA[name]) == theirs.replace(" ", ";")
    assert len(TAXA[name]) == max(0, taxonomy_level_index(DESCRIPTIONS[name]) - 2)


@pytest.mark.parametrize(
    ("text", "taxon"),
    [
        ("mammalia;carnivora;;;", ("mammalia", "carnivora")),
        ("x;Mammalia;carnivora;;;;A|y;aves;;;;;B", ("mammalia", "carnivora")),
        ("x;mammalia;;canidae;;;gap", ("mammalia",)),
        ("just a text", ()),
        ("", ()),
    ],
)
def test_any_text_is_a_description(text: str, taxon: tuple[str, ...]) -> None:
    assert parse_taxon(text) == taxon


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Six deer and a cow within a minute, a cow an hour later, and entries that take no part."""
    content = results_of(["deer"] * 6 + ["cow"] * 2, with_descriptions=False)
    content["detection_categories"] = {"1": "animal", "2": "person", "3": "vehicle"}
    for place, image in enumerate(content["images"]):
        image["datetime"] = f"2024:01:01 0{int(place == 7)}:00:{place:02}"
        image["detections"][0]["more"] = image["more"] = {"kept": place}
    cow = content["images"][6]["detections"][0]
    cow["classifications"].append(["9", 0.1])
    cow["classifications"].append(["7", 0.05])
    weak = {"category": "1", "conf": 0.1, "bbox": [0, 0, 1, 1], "classifications": [["8", 0.9]]}
    unsure = {"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1], "classifications": [["8", 0.4]]}
    struck_out = {**weak, "conf": -0.9}
    plain: list[dict[str, Any]] = [
        {"category": str(number), "conf": 0.9, "bbox": [0, 0, 1, 1], **more}
        for number, more in ((2, {}), (3, {"classifications": []}), (1, {"classifications": None}))
    ]
    content["images"][0]["detections"] += [weak, unsure, struck_out, *plain]
    content["images"].append({"file": "broken.jpg", "failure": "image access failure", "detections": None})
    content["images"].append({"file": "empty.jpg", "detections": []})
    (tmp_path / "results.json").write_text(json.dumps(content))
    return tmp_path / "results.json"


def smooth(results: Path, **parameters: Any) -> dict[str, Any]:
    target = results.with_name("out.json")
    smooth_results(results, target, SmoothParameters(**parameters), FOLDERS)
    assert validate_batch_results(str(target))["validation_results"]["errors"] == []
    return dict(json.loads(target.read_text()))


def test_what_changes_says_what_it_was_and_the_rest_stays(sequence: Path) -> None:
    before, after = json.loads(sequence.read_text()), smooth(sequence)
    changed = after["images"][6]["detections"][0]
    assert changed.pop("classifications_before_smoothing") == [["8", 0.8], ["9", 0.1], ["7", 0.05]]
    assert changed["classifications"] == [["9", 0.8], ["7", 0.05]]
    changed["classifications"] = before["images"][6]["detections"][0]["classifications"]
    (step,) = after["info"].pop(STEP)
    assert (step["sequences"], step["classifications_changed"], step["categories_changed"]) == (2, 1, 0)
    assert step["parameters"]["rules"]["majority"] == 4
    assert after == before


def test_categories_are_smoothed_on_request_and_a_person_stays(sequence: Path) -> None:
    before, after = json.loads(sequence.read_text()), smooth(sequence, smooth_categories=True)
    assert [found["category"] for found in after["images"][0]["detections"]] == ["1", "1", "1", "1", "2", "1", "1"]
    vehicle = after["images"][0]["detections"][5]
    assert vehicle == {**before["images"][0]["detections"][5], "category": "1", "category_before_smoothing": "3"}
    assert after["info"][STEP][0]["categories_changed"] == 1


def test_smoothing_again_changes_no_image(sequence: Path) -> None:
    once = smooth(sequence, smooth_categories=True)
    sequence.write_text(json.dumps(once))
    twice = smooth(sequence, smooth_categories=True)
    assert twice["images"] == once["images"]
    assert len(twice["info"][STEP]) == 2


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(sequence: Path, chance: random.Random) -> None:
    content = json.loads(sequence.read_text())
    expected = {image["file"]: image for image in smooth(sequence, smooth_categories=True)["images"]}
    chance.shuffle(content["images"])
    sequence.write_text(json.dumps(content))
    assert {image["file"]: image for image in smooth(sequence, smooth_categories=True)["images"]} == expected


def test_an_image_without_a_time_is_a_sequence_of_its_own(sequence: Path) -> None:
    content = json.loads(sequence.read_text())
    content["images"][6]["datetime"] = "long ago"
    del content["images"][7]["datetime"]
    sequence.write_text(json.dumps(content))
    after = smooth(sequence)
    assert classes({**after, "images": after["images"][6:8]}) == ["cow", "cow"]
    assert after["info"][STEP][0]["images_without_time"] == 2


def test_results_without_classes_have_nothing_to_smooth_but_categories(sequence: Path) -> None:
    content = json.loads(sequence.read_text())
    del content["classification_categories"]
    for image in content["images"]:
        for detection in image["detections"] or []:
            detection.pop("classifications", None)
    sequence.write_text(json.dumps(content))
    with pytest.raises(InputError, match="nothing to smooth.*--categories"):
        smooth(sequence)
    assert smooth(sequence, smooth_categories=True)["info"][STEP][0]["categories_changed"] == 1
