"""Cut detections out of their images, as training images of a classifier."""

from __future__ import annotations

import csv
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from treeline.detections.crop_plan import CropOptions, LeftOut, Plan, plan_crops
from treeline.detections.locations import UNKNOWN
from treeline.detections.splits import SPLITS
from treeline.detections.truth import Truth
from treeline.errors import ImageError, InputError
from treeline.io.atomic import atomic_folder
from treeline.io.csv_tables import csv_text
from treeline.io.encode import encode_jpeg
from treeline.io.image_sources import LoadedImage, find_images, load_images, read_attribution
from treeline.io.images import decode
from treeline.io.read_results import read_results
from treeline.io.regions import cut, region_of
from treeline.io.result_checks import check_category_names, check_places
from treeline.io.rolling_archive import RollingArchive

log = logging.getLogger(__name__)

TABLE, LEFT_OUT = "crops.csv", "left_out.csv"
COLUMNS = ("path", "dataset", "location", "label", "confidence", "split")
LEFT_OUT_COLUMNS = ("file", "detections", "reason")


class Sample(NamedTuple):
    """A crop that is ready to be written.

    Args:
        key: What its members' names begin with.
        label: What a classifier is to learn.
        confidence: The detection's.
        members: Content by ending.
    """

    key: str
    label: str
    confidence: float
    members: dict[str, bytes]


def crop_detections(
    results_file: Path,
    sources: Sequence[Path],
    output: Path,
    *,
    truth: Truth | None,
    locations: Mapping[str, str] | None,
    options: CropOptions,
) -> Counter[tuple[str, str]]:
    """Write crops into `<split>-00000.tar`, `<split>-00001.tar`, ..., with `crops.csv` and `left_out.csv`.

    A crop's sample is `<image>-<number>.jpg` and `.json`. Beside the results, memory holds one image at a time.

    Args:
        results_file: Detector results.
        sources: Archives and folders with the images.
        output: Folder that is made, as a whole or not at all; what an earlier run has made is replaced.
        truth: Labels of the images, which their crops take; None for the detections' categories.
        locations: By file name; None for those of `truth`, or else the folders of the names.
        options: How.

    Returns:
        Number of crops by split and label.

    Raises:
        InputError: The results are refused, an image is missing, or `output` holds other things.
        ShardError: An archive is damaged.
    """
    results = read_results(results_file)
    options.thresholds.check(results_file, results)
    check_category_names(results_file, results, options.categories or ())
    _check_output(output)
    plans, left_out = plan_crops(results_file, results, truth, locations, options)
    places = find_images(sources, output)
    check_places(results_file, results, plans, places)
    with atomic_folder(output) as folder:
        counts = _write(folder, load_images(places, plans), plans, options, left_out)
        (folder / LEFT_OUT).write_text(csv_text(LEFT_OUT_COLUMNS, sorted(left_out)), encoding="utf-8")
    unplaced = sum(plan.location == UNKNOWN for plan in plans.values())
    if unplaced:
        log.warning("%d images have no location: each is in a split by its own name", unplaced)
    if left_out:
        log.warning("%d images are left out: see %s", len(left_out), output / LEFT_OUT)
    log.info("%s: %d crops of %d images", output, counts.total(), len(plans))
    return counts


def _check_output(output: Path) -> None:
    """Only what this command has made is replaced."""
    if output.exists() and not (output / TABLE).exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(output, "is there already, and holds no crops.", fix="Give another folder.")


def _write(
    folder: Path,
    images: Iterable[LoadedImage],
    plans: Mapping[str, Plan],
    options: CropOptions,
    left_out: list[LeftOut],
) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    with ExitStack() as stack:
        archives = {
            split: stack.enter_context(RollingArchive(folder, split, options.archive_crops)) for split in SPLITS
        }
        table = stack.enter_context((folder / TABLE).open("w", encoding="utf-8", newline=""))
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(COLUMNS)
        for image in images:
            plan = plans[image.name]
            try:
                samples = _samples(image, plan, options)
            except ImageError as error:
                left_out.append(LeftOut(image.name, len(plan.crops), str(error)))
                continue
            for key, label, confidence, members in samples:
                path = f"{archives[plan.split].add(key, members)}/{key}.jpg"
                rows.writerow((path, options.dataset, plan.location, label, confidence, plan.split))
                counts[plan.split, label] += 1
    return counts


def _samples(image: LoadedImage, plan: Plan, options: CropOptions) -> list[Sample]:
    """Cut all crops out of an image.

    Raises:
        ImageError: It cannot be decoded, or a crop is too large for a JPEG.
    """
    pixels = decode(image.data, max_pixels=options.max_pixels)
    size = pixels.shape[0], pixels.shape[1]
    facts = {"file": image.name, "dataset": options.dataset, "location": plan.location, "split": plan.split}
    source = read_attribution(image)
    samples = []
    for number, category, detection in plan.crops:
        label = plan.label or category
        region = region_of(detection["bbox"], size, margin=options.margin, square=options.square)
        found = {"label": label, "detection": {**detection, "category": category}, "pixels": region._asdict()}
        members = {
            ".jpg": encode_jpeg(cut(pixels, region), options.jpeg_quality),
            ".json": json.dumps({**facts, **found, "source": source}, ensure_ascii=False).encode(),
        }
        samples.append(Sample(f"{plan.key}-{number:03d}", label, detection["conf"], members))
    return samples
