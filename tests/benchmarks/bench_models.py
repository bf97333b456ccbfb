"""How long a step of training waits for its batch: with the tar and the HDF5 encodings of JPEGs, batches of 32.

Run it as `python -m tests.benchmarks.bench_models [--quick]`. On a machine with a GPU, that is what waits.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measure import Check
from tests.benchmarks.page import describe, verdicts, write_section
from tests.benchmarks.training_steps import Steps, Stopwatch
from tests.model_cases import experiment, make_dataset
from treeline.config_datasets import EncodingName
from treeline.models.experiment import Experiment
from treeline.models.training.data import open_training_data
from treeline.models.training.loading import Batches
from treeline.models.training.module import Training
from treeline.models.training.train import make_trainer, quiet_lightning

SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "models"
SIDE = 256
INPUT_SIDE = 224
BATCH = 32
WORKERS = 1
"""On two cores, the other one computes."""
FORMS: tuple[EncodingName, ...] = ("tar", "hdf5")
MOST_WAITING = 0.1
FIRST_STEPS = 2
"""That are not counted: in them workers start, and memory is asked for."""


def main() -> int:
    """Measure all, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_models")
    parser.add_argument("--quick", action="store_true", help="few steps of a small model: prints, and writes nothing")
    quick = parser.parse_args().quick
    results = {form: _measure(form, quick=quick) for form in FORMS}
    shutil.rmtree(SCRATCH)
    checks = [
        Check(f"{form}: at most {MOST_WAITING:.0%} of a step waits for input", f"{result.waiting:.1%}",
              result.waiting <= MOST_WAITING)
        for form, result in results.items()
    ]  # fmt: skip
    lines = [*describe("python -m tests.benchmarks.bench_models"), *_table(results), "", *verdicts(checks)]
    if quick:
        print("\n".join(lines))
        return 0
    write_section("models", lines)
    return 0 if all(check.is_met for check in checks) else 1


def _measure(form: EncodingName, *, quick: bool) -> Steps:
    steps = 5 if quick else 30
    dataset = make_dataset(
        SCRATCH / f"{form}-{quick}", count=steps * BATCH * 5 // 3 + 1, side=SIDE, name="shapes", encodings=[form]
    )
    chosen = _experiment(form, quick=quick)
    data = open_training_data(chosen, dataset, "benchmark")
    module = Training(chosen, data.facts, data.class_counts, len(data.train))
    stopwatch = Stopwatch(FIRST_STEPS)
    with quiet_lightning():
        trainer = make_trainer(chosen, [stopwatch], logger=False, limit_val_batches=0)
        trainer.fit(module, datamodule=Batches(data, chosen))
    return stopwatch.result()


def _experiment(form: EncodingName, *, quick: bool) -> Experiment:
    side = 64 if quick else INPUT_SIDE
    return experiment(
        encoding=form,
        image_size=[side, side],
        architecture={"encoder": "convnet" if quick else "resnet18"},
        batch_size=BATCH,
        workers=WORKERS,
        epochs=1,
        accelerator="auto",
    )


def _table(results: dict[EncodingName, Steps]) -> Iterator[str]:
    yield "| encoding | waits for input | a step, s (median) | images a second |"
    yield "|---|--:|--:|--:|"
    for form, result in results.items():
        rate = BATCH / result.median_seconds
        yield f"| {form} | {result.waiting:.1%} | {result.median_seconds:.2f} | {rate:,.0f} |"


if __name__ == "__main__":
    sys.exit(main())
