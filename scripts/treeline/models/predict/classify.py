"""Say what each detection shows: a classifier looks at what a detector has found, and its answers go into the results.

Results format 1.6 (https://lila.science/megadetector-output-format): `classifications` of a detection are pairs of a
number of `classification_categories` and a confidence, best first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from treeline.choices import MAX_PIXELS
from treeline.errors import ImageError, InputError
from treeline.io.image_sources import Place, find_images
from treeline.io.images import decode
from treeline.io.parquet import sha256_of_file
from treeline.io.read_results import read_results
from treeline.io.regions import cut, region_of
from treeline.io.result_checks import check_category_names, check_places
from treeline.io.results import FORMAT_VERSION, Detection, Results
from treeline.io.write_results import write_detections
from treeline.models.inference import OnnxModel
from treeline.models.predict.answers import rank_classes
from treeline.models.predict.images import (
    Failures,
    Ready,
    failures_file,
    failures_of,
    load_named,
    make_ready,
    run_in_batches,
)

log = logging.getLogger(__name__)

CHANNELS_OF_PHOTO = 3


@dataclass(frozen=True)
class ClassifyOptions:
    """Which detections are classified, and how they are cut out.

    Args:
        threshold: Lowest confidence of a detection that is classified; what is struck out never is.
        categories: Names of the categories that are classified; None for all.
        top: Most classes that a detection is given, best first.
        margin: As in `region_of`.
        square: As in `region_of`.
        batch_size: Detections that the model sees at once.
        threads: Most threads that it computes with.
        max_pixels: Largest height x width of an image that is decoded.
    """

    threshold: float
    categories: frozenset[str] | None
    top: int
    margin: float = 0.0
    square: bool = False
    batch_size: int = 32
    threads: int = 1
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Classified:
    """What became of the images that have a detection to classify."""

    images: int
    detections: int
    failures: int


def classify_detections(
    model_file: Path, results_file: Path, sources: Sequence[Path], output: Path, options: ClassifyOptions
) -> Classified:
    """Write results with the classes of detections; all else that they hold stays as it is.

    Detections that are not asked for keep the classes that they have. Of images that cannot be decoded none is given;
    `<output>.failures.csv`, without the output's ending, lists them. Memory holds the results, the names of the images,
    one image and a batch of detections.

    Args:
        model_file: What `treeline models export` has written, of a multiclass task.
        results_file: Detector results.
        sources: Folders, archives and shards with the images.
        output: Target.
        options: Which detections, and how.

    Raises:
        InputError: There is no classifier of photos, the results are refused, or an image is missing.
        ShardError: An archive or shard is damaged.
    """
    model = OnnxModel(model_file, threads=options.threads)
    _check_model(model_file, model)
    results = read_results(results_file)
    check_category_names(results_file, results, options.categories or ())
    chosen = _choose(results, options)
    places = find_images(sources, output)
    check_places(results_file, results, chosen, places)
    numbers = _add_classes(results, model.facts.class_names)
    wanted = {name: place for name, place in places.items() if name in chosen}
    detections = 0
    with failures_file(failures_of(output)) as failures:
        for found, _, outputs in run_in_batches(
            model, _crops(model, wanted, chosen, failures, options), options.batch_size
        ):
            if not np.isfinite(outputs).all():
                raise InputError(model_file, "gives NaN or infinity.", fix="Train the model anew.")
            found["classifications"] = [
                (numbers[place], chance) for place, chance in rank_classes(outputs)[: options.top]
            ]
            detections += 1
        _add_facts(results, model_file, model, options)
        write_detections(output, results)
        counts = Classified(len(chosen), detections, failures.count)
    log.info("%s: %d detections of %d images; %d images failed", output, detections, len(chosen), counts.failures)
    return counts


def _check_model(file: Path, model: OnnxModel) -> None:
    task, channels = model.facts.task, len(model.facts.channels)
    if task != "multiclass":
        raise InputError(file, f"is a model of {task}; a detection is given classes by one of multiclass.")
    if channels != CHANNELS_OF_PHOTO:
        raise InputError(file, f"takes images of {channels} channels; detections are cut out of photos.")


def _choose(results: Results, options: ClassifyOptions) -> dict[str, list[Detection]]:
    """The detections to classify, by image."""
    names = results["detection_categories"]
    chosen = {}
    for image in results["images"]:
        found = [
            detection
            for detection in image["detections"] or ()
            if detection["conf"] >= options.threshold
            and (options.categories is None or names[detection["category"]] in options.categories)
        ]
        if found:
            chosen[image["file"]] = found
    return chosen


def _crops(
    model: OnnxModel,
    places: Mapping[str, Place],
    chosen: Mapping[str, list[Detection]],
    failures: Failures,
    options: ClassifyOptions,
) -> Iterator[tuple[Detection, Ready]]:
    for image in load_named(places, failures):
        try:
            pixels = decode(image.data, max_pixels=options.max_pixels)
        except ImageError as error:
            failures.add(image.name, str(error))
            continue
        size = pixels.shape[0], pixels.shape[1]
        for detection in chosen[image.name]:
            region = region_of(detection["bbox"], size, margin=options.margin, square=options.square)
            yield detection, make_ready(model, cut(pixels, region))


def _add_classes(results: Results, names: Sequence[str]) -> list[str]:
    """Add classes to those that the results have, and give their numbers; one of the same name keeps its number."""
    categories = results.setdefault("classification_categories", {})
    known = {name: number for number, name in reversed(categories.items())}
    first = max((int(number) for number in categories), default=0) + 1
    new = [name for name in names if name not in known]
    known.update((name, str(number)) for number, name in enumerate(new, start=max(first, 1)))
    categories.update((known[name], name) for name in new)
    return [known[name] for name in names]


def _add_facts(results: Results, model_file: Path, model: OnnxModel, options: ClassifyOptions) -> None:
    facts: dict[str, Any] = {
        "model_sha256": sha256_of_file(model_file),
        "dataset": model.facts.dataset,
        "dataset_hash": model.facts.dataset_hash,
        "threshold": options.threshold,
        "categories": None if options.categories is None else sorted(options.categories),
        "margin": options.margin,
        "square": options.square,
    }
    changed = {"format_version": FORMAT_VERSION, "classifier": model.facts.run, "classifier_metadata": facts}
    results["info"] = {**results["info"], **changed}
