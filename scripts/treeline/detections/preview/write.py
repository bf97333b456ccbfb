"""Put a preview together: draw the images, write their pictures, and what the page shows of them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from treeline.detections.preview.page import Numbering, Shown, describe, script
from treeline.detections.preview.parts import Part, find_parts
from treeline.detections.preview.persons import Persons, knows_persons, person_boxes
from treeline.detections.preview.pictures import Picture, Source, make_picture, read_sources
from treeline.detections.preview.sample import Candidate, Sample, draw_of, highest_by_category, strata_of
from treeline.detections.preview.tally import Tally
from treeline.errors import ImageError, InputError
from treeline.io.ahead import map_ahead
from treeline.io.atomic import atomic_folder
from treeline.io.image_sources import as_folder
from treeline.io.read_results import read_results
from treeline.io.results import ImageResult, Results

log = logging.getLogger(__name__)

GALLERY = Path(__file__).parents[1] / "gallery"
SHARED = Path(__file__).parents[2] / "page"
"""Style and scripts that the page of the catalogue has too."""

DATA = "data.js"
FULL, THUMBNAILS = "images", "thumbnails"
IMAGES_AHEAD_PER_THREAD = 2
NOT_LOOKED_AT = "the detector did not look at it"


@dataclass(frozen=True)
class PreviewOptions:
    """What a preview shows.

    Args:
        threshold: Confidence from which a detection counts at first, between 0 and 1; bands are drawn from here.
        sample: Images of each category and confidence band at most.
        seed: Another one draws other images.
        persons: Shown as they are, made unrecognisable, or images with persons left out.
        person_threshold: Confidence from which a person is blurred or withheld, 0 to 1.
        longest_side: Of the images in full size, in pixels.
        threads: Images that are worked on at once.
    """

    threshold: float = 0.2
    sample: int = 100
    seed: int = 0
    persons: Persons = "show"
    person_threshold: float = 0.1
    longest_side: int = 1600
    threads: int = 1


@dataclass(frozen=True)
class PreviewReport:
    """Counts: `images` = all of the results, `shown` of them are in the page, `unreadable` of these without picture."""

    images: int
    shown: int
    unreadable: int
    withheld: int


def write_preview(results: Path, images: Path, output: Path, options: PreviewOptions) -> PreviewReport:
    """Write a folder whose `index.html` shows a sample of images with their detections.

    Memory is bounded by one results file and the sample.

    Args:
        results: As `find_parts` takes it.
        images: Likewise.
        output: Target folder; an earlier preview is replaced as a whole, anything else that is there is refused.
        options: What to show.

    Raises:
        InputError: Results are missing or broken, none of the images can be read, persons are to be blurred that no
            category stands for, or `output` is something else.
    """
    _check_output(output)
    parts = find_parts(results, images)
    sample, tally, facts = _look_through(parts, options)
    chosen = sample.chosen()
    categories, classes = Numbering(facts.categories), Numbering()
    with atomic_folder(output) as folder:
        shown = _write_pictures(folder, chosen, categories, classes, options)
        _check_any_readable(images, shown)
        for file in filter(Path.is_file, (*GALLERY.iterdir(), *SHARED.iterdir())):
            (folder / file.name).write_bytes(file.read_bytes())
        data: dict[str, object] = {
            "title": results.name,
            "models": facts.models,
            "threshold": options.threshold,
            "persons": options.persons,
            "personThreshold": options.person_threshold,
            "categories": categories.names,
            "classes": classes.names,
            "collection": tally.as_data(categories.names),
            "images": shown,
        }
        (folder / DATA).write_text(script(data), encoding="ascii")
    unreadable = sum(bool(image["problem"]) and not image["failure"] for image in shown)
    report = PreviewReport(tally.images, len(shown), unreadable, tally.withheld)
    log.info(
        "%s: %d of %d images, %d of them cannot be read; %d images with persons are withheld",
        *(output / "index.html", report.shown, report.images, report.unreadable, report.withheld),
    )
    return report


@dataclass(frozen=True)
class _Facts:
    categories: list[str]
    models: list[str]


def _look_through(parts: list[Part], options: PreviewOptions) -> tuple[Sample, Tally, _Facts]:
    """Read all results, one file at a time."""
    sample, tally = Sample(options.sample), Tally()
    categories: set[str] = set()
    models: set[str] = set()
    for part in parts:
        content = read_results(part.results)
        if options.persons != "show" and not knows_persons(content):
            problem = "no category or class is called person or human: nothing would be hidden."
            raise InputError(part.results, problem, fix="Name the category of persons so, or show all.")
        categories.update(content["detection_categories"].values())
        models.add(str(content["info"].get("detector", "unknown")))
        _look_at(part, content, sample, tally, options)
    return sample, tally, _Facts(sorted(categories), sorted(models))


def _look_at(part: Part, content: Results, sample: Sample, tally: Tally, options: PreviewOptions) -> None:
    names = content["detection_categories"]
    confidences: dict[str, list[float]] = defaultdict(list)
    highest_of_all = []
    images, content["images"] = content["images"], []  # what is kept of the content is not to keep all of them
    for image in images:
        highest = highest_by_category(image, names)
        highest_of_all.append(highest)
        for detection in image.get("detections") or ():
            confidences[names[detection["category"]]].append(detection["conf"])
        tally.images += 1
        tally.failed += _has_failed(image)
        if options.persons == "withhold" and _shows_persons(image, content, options):
            tally.withheld += 1
            continue
        candidate = Candidate(draw_of(options.seed, part.address(image["file"])), part, image, content)
        sample.offer(candidate, strata_of(image, highest, options.threshold))
    tally.add(confidences, highest_of_all)


def _shows_persons(image: ImageResult, content: Results, options: PreviewOptions) -> bool:
    return bool(person_boxes(image, content, options.person_threshold))


def _write_pictures(
    folder: Path, chosen: list[Candidate], categories: Numbering, classes: Numbering, options: PreviewOptions
) -> list[Shown]:
    """Write the pictures of the images that were drawn, and describe each."""
    for name in (FULL, THUMBNAILS):
        (folder / name).mkdir()

    def picture_of(found: tuple[Candidate, Source]) -> Picture | str:
        candidate, source = found
        hides = options.persons == "blur"
        boxes = person_boxes(candidate.image, candidate.results, options.person_threshold) if hides else []
        try:
            return source.problem or make_picture(source.data, options.longest_side, boxes)
        except ImageError as error:
            return str(error)

    shown = []
    with ThreadPoolExecutor(options.threads) as pool:
        ahead = options.threads * IMAGES_AHEAD_PER_THREAD
        for (candidate, source), picture in map_ahead(pool, picture_of, _sources(chosen), ahead):
            image = describe(candidate.draw, *candidate[1:], categories, classes)
            image["credits"] = source.credits
            if isinstance(picture, str):
                image["problem"] = picture
            else:
                image["height"], image["width"] = picture.size
                (folder / FULL / f"{candidate.draw}.jpg").write_bytes(picture.full)
                (folder / THUMBNAILS / f"{candidate.draw}.jpg").write_bytes(picture.thumbnail)
            shown.append(image)
    return shown


def _sources(chosen: list[Candidate]) -> Iterator[tuple[Candidate, Source]]:
    """Each image that was drawn, as it is found."""
    for part, group in groupby(chosen, key=lambda candidate: candidate.part):
        candidates = list(group)
        # Of images that the detector did not look at nobody knows whom they show: they are not even read.
        names = [candidate.image["file"] for candidate in candidates if not _has_failed(candidate.image)]
        with _as_container(part.images, names) as container, closing(read_sources(container, names)) as sources:
            for candidate in candidates:
                is_unknown = _has_failed(candidate.image)
                yield candidate, Source(b"", NOT_LOOKED_AT, {}) if is_unknown else next(sources)


@contextmanager
def _as_container(images: Path, names: list[str]) -> Iterator[Path]:
    """The archive or folder that images are in; of a folder of archives, a folder of those that are wanted."""
    if images.is_file():
        yield images
    else:
        with as_folder(images, set(names)) as folder:
            yield folder


def _has_failed(image: ImageResult) -> bool:
    return image.get("detections") is None


def _check_output(output: Path) -> None:
    """Refuse to replace a folder that is not a preview."""
    if output.exists() and not (output.is_dir() and (not any(output.iterdir()) or (output / DATA).exists())):
        raise InputError(output, "is there already and is no preview.", fix="Choose another folder, or remove it.")


def _check_any_readable(images: Path, shown: list[Shown]) -> None:
    looked_at = [image for image in shown if not image["failure"]]
    if looked_at and all(image["problem"] for image in looked_at):
        first = looked_at[0]
        problem = f"none of the {len(looked_at)} images can be read; {first['file']}: {first['problem']}."
        raise InputError(images, problem, fix="Name the folder that the names in the results start from.")
