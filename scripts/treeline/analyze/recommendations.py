"""What an analysis advises for training; each piece of advice with its reason, and the numbers that it rests on.

`recommendations.json` is an object of the pieces `crop_size` ([height, width] in pixels), `normalisation` (`mean` and
`std` of each channel, of values from 0 to 1 where images are 8 bit, else in the images' units), `class_weights` (by
class; only where there are classes) and `suspicious` (ids by reason, at most 1,000 of each). Each has `value`, `reason`
(a sentence) and `basis` (numbers).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from treeline.analyze.channels import ChannelTotals, Floats, all_together, means_of, moments_of
from treeline.analyze.dataset import Dataset
from treeline.analyze.dimensions import values_of
from treeline.analyze.suspicious import count_reasons
from treeline.io.moments import Moments

CROP_STEP = 32
"""Pixels: common networks halve an image five times."""

LARGEST_CROP = 512
"""Pixels: as large as common networks are trained with; what is larger is better reduced or cut into windows."""

TRAIN = "train"


def recommend(
    dataset: Dataset,
    totals: dict[str, ChannelTotals],
    channels: Sequence[str],
    classes: pd.DataFrame,
    suspicious: pd.DataFrame,
) -> str:
    """Write the recommendations as JSON.

    Args:
        dataset: With what was measured, and all suspicious images.
        totals: Counts of the channels, by split.
        channels: Their names.
        classes: The table of this name.
        suspicious: The table of this name.
    """
    advice = {
        "crop_size": _crop_size(values_of(dataset, "shorter_side")),
        "normalisation": _normalisation(totals, channels),
        "class_weights": _class_weights(classes),
        "suspicious": _suspicious(dataset, suspicious),
    }
    return json.dumps({name: piece for name, piece in advice.items() if piece}, indent=2, ensure_ascii=False) + "\n"


def _crop_size(sides: Floats) -> dict[str, Any]:
    low, middle = np.quantile(sides, (0.05, 0.5), overwrite_input=True).tolist()
    fitting = int(low) // CROP_STEP * CROP_STEP or int(low)
    side = min(fitting, LARGEST_CROP)
    reason = f"It is the largest multiple of {CROP_STEP} that fits into 95 % of the images without padding"
    if side < CROP_STEP:
        reason = "95 % of the images have room for it without padding; more than that few have"
    elif side < fitting:
        reason = (
            f"95 % of the images have room for {fitting} pixels, more than networks are mostly trained with: reduce "
            "them, or cut windows out of them"
        )
    return _advice([side, side], f"{reason}.", shorter_side_p5=low, shorter_side_median=middle)


def _normalisation(totals: dict[str, ChannelTotals], channels: Sequence[str]) -> dict[str, Any]:
    counted = totals[TRAIN] if TRAIN in totals else all_together(totals)
    scale = 1.0 if isinstance(counted, Moments) else 255.0
    moments = moments_of(counted)
    of_what = "the training images alone, for the others must stay unseen" if TRAIN in totals else "all images"
    reason = f"Mean and standard deviation of each channel, over all pixels of {of_what}."
    value = {
        "channels": list(channels),
        "mean": _rounded(means_of(counted) / scale),
        "std": _rounded(np.sqrt(moments.variance) / scale),
    }
    return _advice(value, reason, pixels=int(moments.count.max()), scale=scale)


def _class_weights(classes: pd.DataFrame) -> dict[str, Any]:
    if classes.empty:
        return {}
    has_training = (classes["split"] == TRAIN).any()
    chosen = classes[classes["split"] == TRAIN] if has_training else classes
    unit = next(unit for unit in ("pixels", "boxes", "samples") if chosen[unit].sum() > 0)
    counts = chosen.groupby("label", sort=False)[unit].sum()
    counts = counts[counts > 0]
    weights = counts.sum() / (len(counts) * counts)
    reason = (
        f"Inverse to how many {unit} each class has in {'the training images' if has_training else 'all images'}, and "
        "1 on average over all of them: so rare classes count as much as common ones."
    )
    value = {str(label): round(float(weight), 6) for label, weight in weights.items()}
    imbalance = float(counts.max() / counts.min())
    return _advice(value, reason, imbalance=imbalance, **{unit: int(counts.sum())}, classes=len(counts))


def _suspicious(dataset: Dataset, worst: pd.DataFrame) -> dict[str, Any]:
    counts = count_reasons(dataset)
    ids = {reason: worst.loc[worst["reason"] == reason, "id"].tolist() for reason in counts}
    found = dataset.count("(SELECT DISTINCT id FROM suspicious)")
    reason = f"{found} of the images stand out: look at them before training, and leave out what is no use."
    if not found:
        reason = "No image stands out."
    return _advice(ids, reason, images=dataset.count("images"), **counts)


def _advice(value: Any, reason: str, **basis: float) -> dict[str, Any]:
    return {"value": value, "reason": reason, "basis": basis}


def _rounded(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [round(float(value), 6) if np.isfinite(value) else None for value in values]
