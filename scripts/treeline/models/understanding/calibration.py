"""Whether the model is right as often as it says: of 100 images with a confidence of 0.8, about 80 should be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from treeline.models.understanding.intervals import wilson
from treeline.models.understanding.subject import Subject

BINS = 15
"""Of equal width, as Guo et al. (2017) have them."""


def calibration(subject: Subject) -> pd.DataFrame:
    """Compare confidences with what is true, in 15 bins of equal width.

    Of a multiclass task, an entry is an image: the probability of the predicted class, and whether it is right. Of a
    multilabel task it is a label of an image: its probability, and whether it is true.

    Returns:
        A row a bin that has entries: `bin_low` < confidence <= `bin_high`, `count`, mean `confidence`, `accuracy` with
        `low` and `high` (Wilson).
    """
    sums = np.zeros((3, BINS))
    if subject.task == "multiclass":
        sums += _binned(subject.rows["confidence"].to_numpy(np.float64), subject.rows["correct"].to_numpy(np.float64))
    else:
        for of_file, _, places in subject.chunks():
            logits = subject.evaluation.outputs(of_file)[places].astype(np.float64).ravel()
            is_true = subject.evaluation.targets(of_file)[places].astype(np.float64).ravel()
            # Of a logit of -800, exp would overflow; the probability is 0 all the same.
            sums += _binned(1 / (1 + np.exp(-np.clip(logits, -700, 700))), is_true)
    count, confidence, right = sums
    estimate = wilson(right, count)
    edges = np.linspace(0, 1, BINS + 1)
    table = pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "count": count.astype(np.int64),
            "confidence": np.divide(confidence, count, out=np.zeros(BINS), where=count > 0),
            "accuracy": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
        }
    )
    return table[table["count"] > 0].reset_index(drop=True)


def expected_calibration_error(bins: pd.DataFrame) -> float:
    """The mean distance between confidence and accuracy of the bins, weighted by their entries.

    Naeini, Cooper and Hauskrecht (2015), `Obtaining Well Calibrated Probabilities Using Bayesian Binning`, AAAI; Guo et
    al. (2017), `On Calibration of Modern Neural Networks`, https://arxiv.org/abs/1706.04599, equation 3.

    Args:
        bins: What `calibration` gives.
    """
    return float((bins["count"] * (bins["accuracy"] - bins["confidence"]).abs()).sum() / bins["count"].sum())


def _binned(confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums of 1, confidence and right: 3 x bins."""
    places = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return np.stack(
        [np.bincount(places, weights, minlength=BINS) for weights in (np.ones(len(places)), confidence, right)]
    )
