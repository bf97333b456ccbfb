"""Files of detector results as programs of all kinds write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import strategies as st

Fields: TypeAlias = dict[str, Any]

NAMES = ["animal", "person", "vehicle", "bird", "zèbre"]
KINDS = ["deer", "fox", "wolf"]
FILES = ["a.jpg", "cam 1/b.jpg", "cam 1/c.PNG", "cam/2/d.jpeg", "é,\"\r\n'.jpg"]
TIMES = ["2024:05:06 07:08:09", "1999:12:31 23:59:59"]


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content), "utf-8")
    return file


def detection(
    conf: float = 0.9, category: str = "1", bbox: Sequence[float] = (0.1, 0.2, 0.3, 0.4), **more: Any
) -> Fields:
    return {"category": category, "conf": conf, "bbox": list(bbox), **more}


def results(*images: Fields, **more: Any) -> Fields:
    """A file's content, with the usual categories."""
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    return {"info": {"format_version": "1.6"}, "detection_categories": categories, "images": list(images), **more}


def by_name(content: Fields) -> dict[str, Fields]:
    """What a file says of each image, with names in place of ids, whatever the order of what has none."""
    names, kinds = content["detection_categories"], content.get("classification_categories", {})
    images = {}
    for image in content["images"]:
        found = [
            {
                **found,
                "category": names[found["category"]],
                **(
                    {"classifications": [[kinds[kind], conf] for kind, conf in found["classifications"]]}
                    if found.get("classifications") is not None
                    else {}
                ),
            }
            for found in image.get("detections") or ()
        ]
        detections = sorted(found, key=lambda found: json.dumps(found, sort_keys=True))
        images[image["file"]] = {**image, "detections": detections if image.get("detections") is not None else None}
    return images


def boxes(digits: int = 4) -> st.SearchStrategy[list[float]]:
    """Left, top, width, height inside the image, of so many decimals."""
    scale = 10**digits
    side = st.tuples(st.integers(0, scale), st.integers(0, scale)).map(sorted)
    return st.tuples(side, side).map(
        lambda sides: [
            sides[0][0] / scale,
            sides[1][0] / scale,
            (sides[0][1] - sides[0][0]) / scale,
            (sides[1][1] - sides[1][0]) / scale,
        ]
    )


@st.composite
def detections(draw: Callable[..., Any], categories: Fields, kinds: Fields, least_confidence: int) -> Fields:
    found = detection(
        draw(st.integers(least_confidence, 1000)) / 1000, draw(st.sampled_from(sorted(categories))), draw(boxes())
    )
    if kinds and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(sorted(kinds)), unique=True))
        found["classifications"] = [[kind, draw(st.integers(0, 100)) / 100] for kind in chosen]
    if draw(st.booleans()):
        found["tracker"] = draw(st.sampled_from([{"id": 1}, [None, 1.5], "x"]))
    return found


@st.composite
def contents(draw: Callable[..., Any], *, labels: bool = False, files: Sequence[str] = tuple(FILES)) -> Fields:
    """A file's content.

    Args:
        labels: Only what a format of labels can hold: no failures, no negative confidences, sizes for all images.
        files: Names to draw from.
    """
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    ids = draw(st.lists(st.integers(0, 20).map(str), min_size=len(names), max_size=len(names), unique=True))
    categories = dict(zip(ids, names, strict=True))
    kind_names = draw(st.lists(st.sampled_from(KINDS), unique=True))
    kind_ids = draw(st.permutations([str(id) for id in range(len(kind_names))]))
    kinds = dict(zip(kind_ids, kind_names, strict=True))
    found = st.lists(detections(categories, kinds, 0 if labels else -1000), max_size=4)
    images = []
    for file in draw(st.lists(st.sampled_from(files), unique=True)):
        state = "found" if labels else draw(st.sampled_from(["found", "failed", "without a list", "both"]))
        image: Fields = {"file": file}
        if state in ("found", "both"):
            image["detections"] = draw(found)
        if state == "failed":
            image["detections"] = None
        if state != "found":
            image["failure"] = draw(st.sampled_from(["image access failure", "inference failure"]))
        if labels or draw(st.booleans()):
            # One size and time for each name: two files that disagree are refused, which has its own test.
            image.update(width=640 + len(file), height=333 * len(file), datetime=TIMES[len(file) % 2])
        if draw(st.booleans()):
            image["site"] = {"name": file, "altitude": 1.5}
        images.append(image)
    version = draw(st.sampled_from(["1.3", "1.4", "1.5", "1.6", 1.5]))
    info = {"format_version": version, "detector": draw(st.sampled_from(["a.pt", "b.pt"])), "note": {"x": 1}}
    content: Fields = {"info": info, "detection_categories": categories, "images": images}
    if kinds or draw(st.booleans()):
        content["classification_categories"] = kinds
        content["classification_category_descriptions"] = {id: f"a {name}" for id, name in kinds.items()}
    return content


def package_errors(file: Path) -> list[str]:
    """What the megadetector package's validator has against a file."""
    from megadetector.postprocessing.validate_batch_results import validate_batch_results

    errors: list[str] = validate_batch_results(str(file))["validation_results"]["errors"]
    return errors
