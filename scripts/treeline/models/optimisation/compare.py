"""Run all forms on the same images, and say how well each does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics import MetricCollection

from treeline.datasets import Dataset, loader
from treeline.models.experiment import METRICS
from treeline.models.facts import ModelFacts
from treeline.models.metrics import compute, make_metrics, metric_inputs
from treeline.models.optimisation.forms import Form
from treeline.models.optimisation.latency import BATCHES, Outputs
from treeline.models.optimisation.names import EAGER
from treeline.models.trained import Trained


@dataclass(frozen=True)
class Quality:
    """How well a form does.

    Args:
        metric: The experiment's first metric over all images; NaN where the images have nothing to compute it of.
        metric_before: The same before the form was fine-tuned, None where it was not.
        largest_deviation: Largest difference of one of its outputs from the model's as it is; not finite where one of
            its outputs is not.
    """

    metric: float
    metric_before: float | None
    largest_deviation: float


def metric_name(trained: Trained) -> str:
    """The metric that the best checkpoint was chosen by."""
    return (trained.experiment.metrics or METRICS[trained.experiment.task])[0]


def compare(forms: Mapping[str, Form], trained: Trained, samples: Dataset) -> dict[str, Quality]:
    """Run forms on every image once; one batch is in memory at a time.

    Args:
        forms: By name; the model as it is, `eager`, is one of them.
        trained: What they are forms of.
        samples: Images with their targets.

    Raises:
        InputError: A sample cannot be read; names it.
    """
    after = {name: _Score(trained) for name in forms}
    before = {name: _Score(trained) for name, form in forms.items() if form.run_before}
    deviations = dict.fromkeys(forms, 0.0)
    for batch in loader(samples, max(BATCHES), workers=trained.experiment.workers):
        images = batch["image"].float().numpy()
        wanted = forms[EAGER].run(images)
        for name, form in forms.items():
            outputs = form.run(images)
            deviations[name] = float(np.maximum(deviations[name], np.abs(outputs - wanted).max()))  # also of NaN
            after[name].add(outputs, batch["target"])
            if form.run_before:
                before[name].add(form.run_before(images), batch["target"])
    return {
        name: Quality(after[name].value(), before[name].value() if name in before else None, deviations[name])
        for name in forms
    }


class _Score:
    """The first metric of an experiment, as images come to it."""

    def __init__(self, trained: Trained) -> None:
        self._facts: ModelFacts = trained.facts
        self._name = metric_name(trained)
        self._metrics: MetricCollection = make_metrics(self._facts.task, [self._name], len(self._facts.class_names))

    def add(self, outputs: Outputs, target: torch.Tensor) -> None:
        if np.isfinite(outputs).all():  # what is not has no probabilities; the deviation tells of it
            self._metrics.update(*metric_inputs(self._facts.task, torch.from_numpy(outputs), target))

    def value(self) -> float:
        return compute(self._metrics)[self._name]
