"""What a model's outputs say of an image: the columns of a table, and an image's row."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from treeline.io.datasets.samples import NOT_LABELLED, Mask
from treeline.models.facts import ModelFacts
from treeline.models.inference import probabilities
from treeline.models.predict.images import Numbers

DECIMALS = 4
"""Of probabilities and shares: onnxruntime's last bits depend on the machine, and on how many images it is given."""
LOGIT_DECIMALS = 2
"""To which logits are compared, likewise."""
SIGNIFICANT_DIGITS = 6
"""Of a regression's numbers, likewise."""
APPLIES_FROM = 0.5
"""Probability from which a label of a multilabel task applies."""
MOST_CLASSES_IN_MASK = NOT_LABELLED

Row: TypeAlias = list[str | float]


def columns_of(facts: ModelFacts, top: int | None) -> pa.Schema:
    """The columns behind `image`, in the order of `row_of`.

    Args:
        facts: The model's.
        top: Of a multiclass task: so many best classes in place of all probabilities; None for these.
    """
    if facts.task == "regression":
        return pa.schema([("value", pa.float64())])
    if facts.task == "segmentation":
        return pa.schema([("mask", pa.string()), *_numbers("share", facts)])
    if facts.task == "multilabel":
        return pa.schema([("labels", pa.string()), *_numbers("probability", facts)])
    best = [("label", pa.string()), ("confidence", pa.float64())]
    if top is None:
        return pa.schema([*best, *_numbers("probability", facts)])
    others = [(f"{name}_{place}", kind) for place in range(2, _limited(top, facts) + 1) for name, kind in best]
    return pa.schema([*best, *others])


def row_of(facts: ModelFacts, outputs: Numbers, top: int | None) -> Row:
    """What outputs say, but for the path of a mask.

    Args:
        facts: The model's.
        outputs: Of one image: logits, a number, or logits x height x width.
        top: As in `columns_of`.
    """
    if facts.task == "regression":
        return [float(f"{outputs[0]:.{SIGNIFICANT_DIGITS}g}")]
    if facts.task == "segmentation":
        counts = np.bincount(mask_of(outputs).ravel(), minlength=len(facts.class_names))
        return [round(share, DECIMALS) for share in (counts / counts.sum()).tolist()]
    if facts.task == "multilabel":
        chances = _rounded(probabilities(facts.task, outputs))
        applies = [name for name, chance in zip(facts.class_names, chances, strict=True) if chance >= APPLIES_FROM]
        return ["; ".join(applies), *chances]
    ranked = rank_classes(outputs)
    best = [value for place, chance in ranked[:1] for value in (facts.class_names[place], chance)]
    if top is None:
        return [*best, *(chance for _, chance in sorted(ranked))]
    chosen = ranked[: _limited(top, facts)]
    return [value for place, chance in chosen for value in (facts.class_names[place], chance)]


def rank_classes(logits: Numbers) -> list[tuple[int, float]]:
    """The classes' numbers and probabilities, best first; of equal ones the lower number first."""
    chances = _rounded(probabilities("multiclass", logits))
    # Where probabilities are rounded to the same, above all to 0, the logits still tell classes apart.
    keys = [(-chance, -round(logit, LOGIT_DECIMALS)) for chance, logit in zip(chances, logits.tolist(), strict=True)]
    return [(place, chances[place]) for place in sorted(range(len(keys)), key=keys.__getitem__)]


def mask_of(logits: Numbers) -> Mask:
    """The best class of each pixel: height x width."""
    return np.asarray(logits.argmax(0), np.uint8)


def _numbers(kind: str, facts: ModelFacts) -> list[tuple[str, pa.DataType]]:
    return [(f"{kind}_{name}", pa.float64()) for name in facts.class_names]


def _limited(top: int, facts: ModelFacts) -> int:
    return min(top, len(facts.class_names))


def _rounded(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(value, DECIMALS) for value in values.tolist()]
