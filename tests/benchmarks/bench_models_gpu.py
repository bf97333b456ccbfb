"""How many images a second one GPU trains on: of datasets on the disk, and of a batch that lies on the GPU already.

Run it as `python -m tests.benchmarks.bench_models_gpu` where nothing else runs; without a GPU it says so, and ends.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import torch

from tests.benchmarks.gpu_checks import check_gpu
from tests.benchmarks.gpu_paces import (
    Feed,
    Loaded,
    Paces,
    Setting,
    Transfer,
    measure_loaded,
    measure_resident,
    measure_transfer,
)
from tests.benchmarks.measure import Check
from tests.benchmarks.page import describe, verdicts, write_section
from tests.model_cases import make_dataset
from treeline.config_datasets import EncodingName

COMMAND = "python -m tests.benchmarks.bench_models_gpu"
PACKAGES = ("torch", "torchvision", "lightning", "numpy", "simplejpeg", "h5py")
SCRATCH = Path(__file__).parents[2] / ".benchmarks" / "models_gpu"
SIDE = 256
IMAGES = 1000
"""Of the dataset, of which 600 are trained on; they are in the system's memory."""
MOST_WORKERS = 14
MOST_WAITING = 0.1
LEAST_OF_PLAIN = 0.9

Result = TypeVar("Result", Loaded, Paces)

SMALL = Setting("resnet18", "bf16-mixed", 32)
FAST = Setting("resnet18", "bf16-mixed", 256)
LARGE = Setting("resnet50", "bf16-mixed", 256)
FAST_SINGLE, LARGE_SINGLE = FAST._replace(precision="32-true"), LARGE._replace(precision="32-true")
SETTINGS = (SMALL, FAST, FAST_SINGLE, LARGE, LARGE_SINGLE)
FORMS: tuple[EncodingName, ...] = ("tar", "hdf5")
FEEDS = (
    *(Feed(FAST, form, workers) for form in FORMS for workers in (0, 4, MOST_WORKERS)),
    *(Feed(FAST_SINGLE, form, MOST_WORKERS) for form in FORMS),
    Feed(SMALL, "tar", 4),
    Feed(SMALL, "tar", MOST_WORKERS),
    *(Feed(LARGE, form, MOST_WORKERS) for form in FORMS),
    Feed(LARGE_SINGLE, "tar", 4),
)


def main() -> int:
    """Measure all, and write the section; gives the exit code."""
    if not torch.cuda.is_available():
        print("There is no GPU: nothing is measured.")
        return 0
    shutil.rmtree(SCRATCH, ignore_errors=True)
    described = [*describe(COMMAND, PACKAGES), f"One {_gpu()}, CUDA {torch.version.cuda}.", ""]
    dataset = make_dataset(SCRATCH / "dataset", count=IMAGES, side=SIDE, encodings=FORMS)
    paces = {setting: _told(setting, measure_resident(setting, dataset)) for setting in SETTINGS}
    loaded = {feed: _told(feed, measure_loaded(feed, dataset)) for feed in FEEDS}
    checks = [*_aims(paces, loaded), *check_gpu(SCRATCH / "checks")]
    lines = [
        *_resident_table(paces),
        "",
        *_loaded_table(loaded, paces),
        "",
        _transfer_line(measure_transfer(FAST, dataset)),
        "",
        *verdicts(checks),
    ]
    write_section("models-gpu", [*described, *lines])
    shutil.rmtree(SCRATCH)
    return 0 if all(check.is_met for check in checks) else 1


def _aims(paces: dict[Setting, Paces], loaded: dict[Feed, Loaded]) -> Iterator[Check]:
    for setting, pace in paces.items():
        ratio = pace.treeline / pace.plain
        aim = f"{_name(setting)}: at least {LEAST_OF_PLAIN} of a plain loop's pace"
        yield Check(aim, f"{ratio:.2f}", ratio >= LEAST_OF_PLAIN)
    for feed, result in loaded.items():
        if feed.workers == MOST_WORKERS:
            aim = f"{_name(feed.setting)}, {feed.encoding}: at most {MOST_WAITING:.0%} of the time waits for input"
            yield Check(aim, f"{result.waiting:.1%}", result.waiting <= MOST_WAITING)


def _resident_table(paces: dict[Setting, Paces]) -> Iterator[str]:
    yield "| a batch on the GPU | images a second | a plain loop of PyTorch | ratio |"
    yield "|---|--:|--:|--:|"
    for setting, pace in paces.items():
        yield f"| {_name(setting)} | {pace.treeline:,.0f} | {pace.plain:,.0f} | {pace.treeline / pace.plain:.2f} |"


def _loaded_table(loaded: dict[Feed, Loaded], paces: dict[Setting, Paces]) -> Iterator[str]:
    yield (
        "| batches from the disk | encoding | workers | images a second | of a batch on the GPU | waits for input "
        "| utilisation | peak GiB |"
    )
    yield "|---|---|--:|--:|--:|--:|--:|--:|"
    for feed, result in loaded.items():
        share = result.rate / paces[feed.setting].treeline
        yield (
            f"| {_name(feed.setting)} | {feed.encoding} | {feed.workers} | {result.rate:,.0f} | {share:.0%} "
            f"| {result.waiting:.1%} | {result.utilisation:.0f}% | {result.peak_gib:.1f} |"
        )


def _transfer_line(transfer: Transfer) -> str:
    pageable, pinned = transfer.pageable * 1000, transfer.pinned * 1000
    return (
        f"{FAST.batch_size} images ({transfer.size / 1e6:.0f} MB) go to the GPU in {pageable:.1f} ms out of pageable "
        f"memory, and in {pinned:.1f} ms out of pinned memory, in which training has them."
    )


def _name(setting: Setting) -> str:
    return f"{setting.encoder}, {setting.precision}, {setting.batch_size}"


def _told(what: Setting | Feed, result: Result) -> Result:
    """Say what was measured at once: a machine may be taken back before the end."""
    print(what, result, flush=True)
    return result


def _gpu() -> str:
    """Its name and its driver."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    name, driver = answer.splitlines()[0].split(", ")
    return f"{name}, driver {driver}"


if __name__ == "__main__":
    sys.exit(main())
