"""Evaluate a model: each image of a split once through it, batch by batch, into one file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor

from treeline.datasets import loader
from treeline.errors import InputError
from treeline.models.evaluation.attributions import attribute, choose_explained
from treeline.models.evaluation.data import open_samples
from treeline.models.evaluation.graph import describe_layers
from treeline.models.evaluation.reading import About, Floats
from treeline.models.evaluation.rows import Answered, rows_of
from treeline.models.evaluation.writing import Batch, EvaluationWriter, evenly, write_evaluation
from treeline.models.experiment import Experiment
from treeline.models.facts import hash_of_dataset
from treeline.models.losses import Loss, make_loss
from treeline.models.metrics import compute, make_metrics, metric_inputs
from treeline.models.tasks import probabilities
from treeline.models.trained import Trained, load_trained

ATTRIBUTIONS_OF = 256
"""Images that get attribution masks, if nothing else is said."""
LARGEST = torch.finfo(torch.float16).max


def evaluate(
    run: Path, dataset: Path, output: Path, *, split: str = "test", attributions_of: int = ATTRIBUTIONS_OF
) -> dict[str, float]:
    """Write what the best checkpoint of a run gives for each image of a split: `reading` says in which form.

    Args:
        run: Folder of the run, or a checkpoint.
        dataset: Folder of a dataset of the same task, classes and channels.
        output: The file; replaced as a whole. The same bytes for the same model, dataset and machine.
        split: `train`, `val`, `test`, or `trainvaltest` for all.
        attributions_of: Most images that get attribution masks, by the experiment's methods; drawn evenly by id.

    Returns:
        The mean loss and all metrics of the task, over all images; NaN where one is not defined.

    Raises:
        ConfigError: There is no such split, or it is empty.
        InputError: There is no checkpoint or no dataset, they do not fit, an image is corrupt, or the model gives
            numbers that are not finite; names the file and the image.
    """
    trained = load_trained(run)
    samples = open_samples(dataset, split, trained)
    passage = Passage(trained, run)
    methods = trained.experiment.attributions
    places = evenly(len(samples), attributions_of if methods else 0)
    wanted = torch.from_numpy(samples.index["id"].to_numpy(np.int64)[places])
    with write_evaluation(output, _about(trained, dataset, samples.name, split), len(samples), len(places)) as writer:
        for batch in loader(samples, trained.experiment.batch_size, workers=trained.experiment.workers):
            passage.answer(batch["image"], batch["target"], batch["id"], writer)
            chosen = torch.isin(batch["id"], wanted)
            if chosen.any():
                passage.explain(batch["image"][chosen], batch["id"][chosen], writer)
        writer.aggregates = passage.aggregates()
    return dict(writer.aggregates)


class Passage:
    """Takes batches through a model, and keeps account of the metrics.

    Args:
        trained: The model.
        run: Whence it is, for errors.
    """

    def __init__(self, trained: Trained, run: Path) -> None:
        gpu = torch.cuda.is_available() and trained.experiment.accelerator != "cpu"
        self._device = torch.device("cuda" if gpu else "cpu")
        self._model = trained.model.to(self._device)
        self._experiment, self._facts, self._run = trained.experiment, trained.facts, run
        classes = len(self._facts.class_names)
        self._loss = _loss_of(self._experiment, classes)
        self._metrics = make_metrics(self._facts.task, [], classes)
        self._loss_sum, self._losses = 0.0, 0

    def answer(self, images: Tensor, targets: Tensor, ids: Tensor, writer: EvaluationWriter) -> None:
        """Write what the model gives for some images.

        Raises:
            InputError: A number is not finite; names the image.
        """
        task = self._facts.task
        with torch.no_grad():
            outputs, embeddings = (part.cpu() for part in self._model(self._prepared(images)))
            self._check_finite(ids, outputs, embeddings)
            losses = self._loss.per_image(outputs, targets)
        self._metrics.update(*metric_inputs(task, outputs, targets))
        self._loss_sum += float(losses.double().nansum())
        self._losses += int((~losses.isnan()).sum())
        writer.add(
            Batch(
                ids.numpy(),
                embeddings.numpy(),
                rows_of(task, Answered(ids, outputs, probabilities(task, outputs), targets, losses)),
                None if task == "segmentation" else outputs.numpy(),
                targets.numpy().astype(np.uint8) if task == "multilabel" else None,
            )
        )

    def explain(self, images: Tensor, ids: Tensor, writer: EvaluationWriter) -> None:
        """Write attribution masks of some images."""
        prepared = self._prepared(images)
        with torch.no_grad():
            outputs = self._model(prepared)[0]
        explained = choose_explained(self._facts.task, outputs, self._facts.class_names)
        masks: dict[str, Floats] = {
            method: attribute(method, self._model, prepared, explained).float().cpu().numpy()
            for method in self._experiment.attributions
        }
        writer.add_attributions(ids.numpy(), explained.target.cpu().numpy(), masks)

    def aggregates(self) -> dict[str, float]:
        """The mean loss, of the images that have one, and the metrics of all images."""
        mean = self._loss_sum / self._losses if self._losses else math.nan
        return {"loss": mean, **compute(self._metrics)}

    def _prepared(self, images: Tensor) -> Tensor:
        return images.to(self._device, torch.float32)

    def _check_finite(self, ids: Tensor, outputs: Tensor, embeddings: Tensor) -> None:
        # A comparison with NaN is false.
        fine = (embeddings.abs() <= LARGEST).all(dim=1) & outputs.flatten(1).isfinite().all(dim=1)
        if not fine.all():
            problem = f"gives numbers that are not finite, or beyond {LARGEST:,.0f}, for image {ids[~fine][0]}."
            raise InputError(self._run, problem, fix="Train it anew, with a lower learning rate.")


def _loss_of(experiment: Experiment, classes: int) -> Loss:
    """The loss of the experiment, without weights that balance what it was trained on: another dataset has others."""
    terms = [
        term.model_copy(update={"class_weights": None}) if term.class_weights == "balanced" else term
        for term in experiment.loss
    ]
    return make_loss(experiment.model_copy(update={"loss": terms}), [0] * classes)


def _about(trained: Trained, dataset: Path, name: str, split: str) -> About:
    facts = trained.facts
    return About(
        run=facts.run,
        dataset=name,
        dataset_hash=hash_of_dataset(dataset),
        split=split,
        task=facts.task,
        trained_on=facts.dataset,
        trained_on_hash=facts.dataset_hash,
        class_names=tuple(facts.class_names),
        training_hparams=yaml.safe_dump(
            trained.experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True
        ),
        model_architecture=str(trained.model),
        model_graph=describe_layers(trained.model, facts),
    )
