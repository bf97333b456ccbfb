"""Make the forms of a trained model, measure them, and write what was found.

<output>/optimised/<form>.onnx, .pt     the forms
<output>/optimise.json                  what each costs (`results.py`)
<output>/optimise.svg, optimise.png     the same as a plot
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from treeline.datasets import Dataset
from treeline.errors import InputError
from treeline.io.atomic import atomic_folder, write_bytes, write_text
from treeline.models.evaluation.data import open_samples
from treeline.models.metrics import is_better_higher
from treeline.models.optimisation.compare import compare, metric_name
from treeline.models.optimisation.figure import draw_forms
from treeline.models.optimisation.forms import Form, NotAvailableError, Workshop
from treeline.models.optimisation.latency import BATCHES, Images, measure_latencies, one_thread
from treeline.models.optimisation.names import EAGER, FORM_NAMES, FormName
from treeline.models.optimisation.results import SCHEMA_VERSION, Row, form_rows, latency_rows, print_forms
from treeline.models.optimisation.samples import spread_images
from treeline.models.trained import Trained, load_trained
from treeline.models.training.data import open_training_data

FOLDER = "optimised"
RESULT, SVG, PNG = "optimise.json", "optimise.svg", "optimise.png"

log = logging.getLogger(__name__)


def optimise(run: Path, dataset: Path, output: Path, forms: Sequence[FormName], split: str, rounds: int) -> None:
    """Make and measure forms of a run's model, on the CPU; fine-tune on a GPU if there is one.

    Args:
        run: The run's folder.
        dataset: Folder of the dataset that it was trained on.
        output: Folder that gets the files.
        forms: Which, as `check_forms` gives them.
        split: On whose images the metric is measured.
        rounds: Times that each form's latency is measured.

    Raises:
        ConfigError: A split has no sample.
        InputError: There is no such run or dataset, they do not fit, something leaks between the splits, an image
            cannot be read, or the model's outputs are no finite numbers.
    """
    trained = load_trained(run)
    # What is wrong with the dataset or the model is found before hours of fine-tuning.
    samples = open_samples(dataset, split, trained)
    data = open_training_data(trained.experiment, dataset, trained.facts.run)
    more_is_better = is_better_higher(trained.facts.task, metric_name(trained))
    with atomic_folder(output / FOLDER) as folder:
        workshop = Workshop(trained, data, folder)
        _check(workshop.make(EAGER), trained, samples, run)
        made, missing = _make(workshop, forms)
        with one_thread():
            qualities = compare(made, trained, samples)
        for name in [name for name in made if not math.isfinite(qualities[name].largest_deviation)]:
            made.pop(name).file.unlink()
            missing[name] = "its outputs are not finite: its numbers are too short for this model."
        rows = form_rows(made, qualities, folder.parent, more_is_better=more_is_better)
        latencies = measure_latencies({name: form.run for name, form in made.items()}, _examples(samples), rounds)
    times = latency_rows(latencies, rows, more_is_better=more_is_better)
    _write(
        output,
        {
            "schema_version": SCHEMA_VERSION,
            **{name: getattr(trained.facts, name) for name in ("run", "dataset", "dataset_hash", "task")},
            "split": split,
            "images": len(samples),
            "metric": {"name": metric_name(trained), "more_is_better": more_is_better},
            "forms": rows,
            "not_available": [{"form": name, "reason": missing[name]} for name in FORM_NAMES if name in missing],
            "latency": {"threads": 1, "rounds": rounds, "forms": times},
        },
    )


def _write(output: Path, found: Row) -> None:
    svg, png = draw_forms(found)
    write_bytes(output / SVG, svg)
    write_bytes(output / PNG, png)
    write_text(output / RESULT, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    print_forms(found)


def _check(eager: Form, trained: Trained, samples: Dataset, run: Path) -> None:
    if not math.isfinite(compare({EAGER: eager}, trained, samples)[EAGER].largest_deviation):
        raise InputError(run, "the model's outputs are no finite numbers.", fix="Train it anew.")


def _make(workshop: Workshop, forms: Sequence[FormName]) -> tuple[dict[str, Form], dict[str, str]]:
    """Make forms; gives those that there are, and of the others the reason."""
    made: dict[str, Form] = {}
    missing: dict[str, str] = {}
    for name in forms:
        log.info("making %s", name)
        try:
            made[name] = workshop.make(name)
        except NotAvailableError as error:
            missing[name] = str(error)
    return made, missing


def _examples(samples: Dataset) -> Images:
    """As many images as the largest batch; a small dataset's are repeated."""
    images = next(spread_images(samples, max(BATCHES), max(BATCHES)))
    return np.resize(images, (max(BATCHES), *images.shape[1:]))
