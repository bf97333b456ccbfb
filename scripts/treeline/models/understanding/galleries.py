"""The images of a report: the worst ones, where the model looks, doubtful labels, images that are almost the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from treeline.errors import ImageError
from treeline.io.datasets.pictures import Pictures, SmallPicture, as_address, small_pictures
from treeline.io.figures.page import Gallery, Shown, number
from treeline.io.images import Pixels
from treeline.models.understanding.errors import MOST_OF_A_KIND, TITLES, describe, is_right
from treeline.models.understanding.findings import Findings
from treeline.models.understanding.overlays import colours_of, side_by_side, with_heat, with_mask
from treeline.models.understanding.subject import Subject

log = logging.getLogger(__name__)

MOST_ATTRIBUTED = 6
"""Images that the model is right about, and as many that it is wrong about."""
MOST_PAIRS = 12
VALUES = {
    "confident_errors": "confidence",
    "highest_loss": "loss",
    "largest_error": "absolute error",
    "lowest_iou": "IoU",
}
METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "Integrated gradients", "occlusion": "Occlusion"}


@dataclass(frozen=True)
class Album:
    """A section of images.

    Args:
        title: Its heading.
        note: How to read it.
        galleries: Its images.
    """

    title: str
    note: str
    galleries: list[Gallery]

    @property
    def anchor(self) -> str:
        """What a link to it ends in."""
        return self.title.lower().replace(" ", "-")


def make_albums(subject: Subject, findings: Findings) -> Iterator[Album]:
    """Make the sections of images; one without images is left out."""
    errors, doubtful = findings.tables["errors"], findings.tables.get("label_errors", pd.DataFrame(columns=["id"]))
    pairs = findings.tables["near_duplicates"]
    worst = errors.groupby("kind", sort=False).head(MOST_OF_A_KIND)
    attributed = _attributed(subject)
    shown = [worst["id"], doubtful["id"].head(MOST_OF_A_KIND)]
    shown += [pairs[one].head(MOST_PAIRS) for one in ("first", "second")]
    found = _load(subject, {*pd.concat(shown), *subject.evaluation.attributed[attributed].tolist()})
    addresses = {id: as_address(_with_mask(picture)) for id, picture in found.items()}
    if len(errors):
        note = "The worst images, and the wrong ones that the model is surest of."
        if subject.task == "segmentation":
            note += f" Beside each its mask: {colours_of(subject.class_names)}; black where nothing is labelled."
        yield Album("Errors", note, list(_errors(errors, addresses)))
    if attributed:
        yield Album("Where the model looks", LOOKS, list(_attributions(subject, attributed, found)))
    if len(doubtful):
        yield Album("Labels that may be wrong", DOUBTS, [_label_errors(doubtful, addresses)])
    if len(pairs):
        yield Album("Images that are almost the same", PAIRS, [_pairs(pairs, found)])


LOOKS = (
    "The image, and beside it, over its greys, what speaks for the class (of a regression, for the number) that is "
    "named below: the brighter, the more."
)
DOUBTS = (
    "The model is as sure of another class as it usually is of that class where it is true, and most of the images "
    "that are most like this one have another label, too. The least likely label first."
)
PAIRS = (
    "Images and their nearest ones whose embeddings have a cosine of at least 0.99: bursts, copies, or what the model "
    "does not tell apart."
)


def _errors(table: pd.DataFrame, addresses: Pictures) -> Iterator[Gallery]:
    for kind, rows in table.groupby("kind", sort=False):
        shown = [
            Shown(
                row["id"],
                row["image_path"],
                _note(row["label"], row["predicted"], f"{VALUES[row['kind']]} {number(row['value'])}"),
                addresses.get(row["id"]),
            )
            for row in rows.head(MOST_OF_A_KIND).to_dict("records")
        ]
        yield Gallery(TITLES[str(kind)], len(rows), shown)


def _label_errors(table: pd.DataFrame, addresses: Pictures) -> Gallery:
    shown = [
        Shown(
            row["id"],
            row["image_path"],
            f"label {row['label']}, perhaps {row['suggested']} ({number(row['confidence'])})",
            addresses.get(row["id"]),
        )
        for row in table.head(MOST_OF_A_KIND).to_dict("records")
    ]
    return Gallery("Doubtful", len(table), shown)


def _note(label: str, predicted: str, value: str) -> str:
    if not label:
        return value
    return f"{label}, and found to be so, {value}" if label == predicted else f"{label} taken for {predicted}, {value}"


def _attributed(subject: Subject) -> list[int]:
    """Places in `attributed` of some images that the model is wrong about, and of some that it is right about."""
    right = dict(zip(subject.rows["id"].tolist(), is_right(subject).tolist(), strict=True))
    known = [(place, bool(right[id])) for place, id in enumerate(subject.evaluation.attributed.tolist()) if id in right]
    parts = ([place for place, is_it in known if is_it == wanted][:MOST_ATTRIBUTED] for wanted in (False, True))
    return [place for part in parts for place in part]


def _attributions(subject: Subject, places: list[int], found: dict[int, SmallPicture]) -> Iterator[Gallery]:
    evaluation, names = subject.evaluation, subject.class_names
    rows = subject.rows.reset_index().set_index("id")["index"]
    right = is_right(subject)
    for method in evaluation.methods:
        shown = []
        for place in places:
            id = int(evaluation.attributed[place])
            row = int(rows[id])
            what = f"for {names[evaluation.explained[place]]}; " if names else ""
            verdict = _verdict(bool(right[row]), *(text[0] for text in describe(subject, np.array([row]))))
            picture = None
            if id in found:
                pixels = found[id].pixels
                picture = as_address(side_by_side(pixels, with_heat(pixels, evaluation.attribution(method, place))))
            shown.append(Shown(id, subject.rows["image_path"][row], what + verdict, picture))
        yield Gallery(METHODS.get(method, method), len(evaluation.attributed), shown)


def _verdict(is_it: bool, label: str, predicted: str) -> str:
    if not label:
        return "of the better half" if is_it else "of the worse half"
    if is_it:
        return f"right: {predicted}"
    return f"{predicted} is predicted, {label} is true"


def _pairs(table: pd.DataFrame, found: dict[int, SmallPicture]) -> Gallery:
    shown = []
    for row in table.head(MOST_PAIRS).to_dict("records"):
        note = f"and {row['second']}, cosine {row['similarity']:.4f}" + (", the same file" if row["same_file"] else "")
        both = [found[id].pixels for id in (row["first"], row["second"]) if id in found]
        picture = as_address(side_by_side(*both)) if len(both) == 2 else None
        shown.append(Shown(row["first"], f"{row['first_path']}, {row['second_path']}", note, picture))
    return Gallery("Pairs", len(table), shown)


def _load(subject: Subject, ids: set[int]) -> dict[int, SmallPicture]:
    return {picture.id: picture for picture in small_pictures(subject.dataset, subject.metadata, ids)}


def _with_mask(picture: SmallPicture) -> Pixels:
    if picture.mask is None:
        return picture.pixels
    try:
        return side_by_side(picture.pixels, with_mask(picture.pixels, picture.mask))
    except ImageError as error:
        log.warning("image %s is shown without its mask: %s", picture.id, error)
        return picture.pixels
