"""Images a second of a ResNet-18 in int8 on onnxruntime, against the same in float32, eager and on onnxruntime.

Run it as `python -m tests.benchmarks.bench_models_int8 [--quick]`. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from tests.benchmarks.measure import Check
from tests.benchmarks.page import describe, verdicts, write_section
from treeline.models.architecture.model import Model
from treeline.models.experiment import Architecture
from treeline.models.facts import ModelFacts
from treeline.models.inference import OnnxModel
from treeline.models.onnx_file import export_onnx
from treeline.models.optimisation.quantisation import quantise_statically

Images = npt.NDArray[np.float32]
Run = Callable[[Images], object]

EAGER, EXPORTED, INT8 = "eager float32", "onnxruntime float32", "onnxruntime int8, static"
THREADS = (1, 2)
BATCHES = (1, 32)
AT_LEAST = 2.0
"""Times the images a second of eager float32."""


class Size(NamedTuple):
    """How much is measured.

    Args:
        side: Height and width of the images in pixels.
        rounds: Calls of each; their median counts.
        calibration: Images by which the scales of int8 are chosen.
    """

    side: int
    rounds: int
    calibration: int


FULL, QUICK = Size(side=224, rounds=15, calibration=64), Size(side=64, rounds=3, calibration=8)


def main() -> int:
    """Measure, and write the section; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.bench_models_int8")
    parser.add_argument("--quick", action="store_true", help="small images, few rounds: to see that it runs")
    is_quick = parser.parse_args().quick
    size = QUICK if is_quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        files = _make_files(size, Path(folder))
        bytes_of = {name: file.stat().st_size for name, file in files.items()}
        rates = {threads: _measure(size, files, threads) for threads in THREADS}
    checks = list(_checks(rates))
    lines = [*_table(rates, bytes_of), "", *verdicts(checks)]
    if is_quick:
        print("\n".join(lines))
        return 0
    libraries = ", ".join(f"{package} {version(package)}" for package in ("torch", "onnxruntime"))
    command = "python -m tests.benchmarks.bench_models_int8"
    write_section(
        "models-int8", [*describe(command), f"{libraries}. ResNet-18, {size.side} x {size.side} px.", "", *lines]
    )
    return 0 if all(check.is_met for check in checks) else 1


def _images(count: int, side: int) -> Images:
    """Blocks of colour: what photos have, and noise has not, is that neighbours are alike."""
    blocks = np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8)).astype(np.float32)
    return np.ascontiguousarray(blocks.repeat(side // 8, 2).repeat(side // 8, 3))


def _make_model(side: int) -> tuple[Model, ModelFacts]:
    torch.manual_seed(0)
    facts = ModelFacts(
        run="benchmark",
        dataset="benchmark",
        dataset_hash="0",
        task="multiclass",
        class_names=[f"class {number}" for number in range(10)],
        channels=["red", "green", "blue"],
        image_size=[side, side],
        mean=[124.0, 116.0, 104.0],
        std=[58.0, 57.0, 57.0],
    )
    return Model(Architecture(encoder="resnet18"), facts).eval(), facts


def _make_files(size: Size, folder: Path) -> dict[str, Path]:
    files = {EXPORTED: folder / "exported.onnx", INT8: folder / "int8.onnx"}
    export_onnx(*_make_model(size.side), files[EXPORTED])
    quantise_statically(files[EXPORTED], files[INT8], iter([_images(size.calibration, size.side)]))
    return files


def _measure(size: Size, files: dict[str, Path], threads: int) -> dict[tuple[str, int], float]:
    """Images a second of each way and batch; all take turns, so that what slows the machine slows all."""
    torch.set_num_threads(threads)
    runs: dict[str, Run] = {EAGER: _in_torch(_make_model(size.side)[0])}
    runs |= {name: OnnxModel(file, threads=threads).run for name, file in files.items()}
    images = _images(max(BATCHES), size.side)
    keys = list(itertools.product(runs, BATCHES))
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in keys}
    for round_number in range(size.rounds + 1):
        for name, batch in keys:
            start = time.perf_counter()
            runs[name](images[:batch])
            if round_number:  # the first one warms up
                seconds[name, batch].append(time.perf_counter() - start)
    return {(name, batch): batch / median(times) for (name, batch), times in seconds.items()}


def _in_torch(model: Model) -> Run:
    @torch.inference_mode()
    def run(images: Images) -> object:
        return model(torch.from_numpy(images))

    return run


def _checks(rates: dict[int, dict[tuple[str, int], float]]) -> Iterator[Check]:
    for threads, batch in itertools.product(THREADS, BATCHES):
        ratio = rates[threads][INT8, batch] / rates[threads][EAGER, batch]
        aim = f"int8, {_case(threads, batch)}: at least {AT_LEAST:g} x {EAGER}"
        yield Check(aim, f"{ratio:.1f} x", ratio >= AT_LEAST)


def _table(rates: dict[int, dict[tuple[str, int], float]], bytes_of: dict[str, int]) -> list[str]:
    columns = [(threads, batch) for threads in THREADS for batch in BATCHES]
    names = " | ".join(_case(threads, batch) for threads, batch in columns)
    header = [f"| images a second | MB | {names} |", "|---|--:|" + "--:|" * len(columns)]
    return header + [
        f"| {name} | {_megabytes(bytes_of.get(name))} | "
        + " | ".join(f"{rates[threads][name, batch]:,.1f}" for threads, batch in columns)
        + " |"
        for name in (EAGER, EXPORTED, INT8)
    ]


def _case(threads: int, batch: int) -> str:
    return f"batch of {batch}, {threads} thread{'s' if threads > 1 else ''}"


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
