"""Run a MegaDetector checkpoint over images in memory.

The megadetector package and the YOLOv5 code under it change the process that imports them: top-level modules named
`utils` and `models`, environment variables, log handlers, Pillow's patience with truncated files. So they are imported
here only, when a detector is opened. One process loads one model.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from treeline.choices import MAX_PIXELS
from treeline.detect.lean_yolov5 import import_yolov5
from treeline.detect.model import ModelError
from treeline.errors import ImageError
from treeline.io.images import Pixels, read_stored
from treeline.io.results import ImageResult, failed, processed
from treeline.io.shard_sources import SourceImage
from treeline.io.time_taken import time_taken

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]

ACCESS_FAILURE = "image access failure"
INFERENCE_FAILURE = "inference failure"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Detector:
    """A loaded model; made by `open_detector`.

    Args:
        model: The package's detector.
        threshold: Lowest confidence that is returned.
        version: What the package calls the checkpoint, `unknown` for one of others.
        metadata: What the package says of that version, such as its typical threshold.
        max_pixels: Largest height x width that is decoded.
    """

    def __init__(self, model: Any, threshold: float, version: str, metadata: dict[str, Any], max_pixels: int) -> None:
        self.version, self.metadata = version, metadata
        self._model, self._threshold, self._max_pixels = model, threshold, max_pixels

    def detect(self, images: Sequence[SourceImage]) -> list[ImageResult]:
        """Look at a batch of images; one that cannot be read or processed becomes a failure, and harms no other.

        Returns:
            One result for each image, in order.
        """
        readable: dict[int, Pixels] = {}
        results: list[ImageResult | None] = []
        for position, image in enumerate(images):
            try:
                readable[position] = read_stored(image.data, image.sizes, max_pixels=self._max_pixels)
                results.append(None)
            except ImageError as error:
                log.warning("%s: %s", image.name, error)
                results.append(failed(image.name, ACCESS_FAILURE))
        answers = self._infer([images[position].name for position in readable], list(readable.values()))
        for (position, pixels), answer in zip(readable.items(), answers, strict=True):
            image = images[position]
            if answer.get("failure"):
                results[position] = failed(image.name, answer["failure"])
            else:
                size = (pixels.shape[0], pixels.shape[1])
                results[position] = processed(image.name, answer["detections"], size, time_taken(image.data))
        return [result for result in results if result is not None]

    def _infer(self, names: list[str], pixels: list[Pixels]) -> list[dict[str, Any]]:
        """Run the model; an image of a group that fails as a whole (out of memory, say) gets a try of its own."""
        answers = self._run(names, pixels)
        for position, answer in enumerate(answers):
            if answer.get("failure") == INFERENCE_FAILURE and len(names) > 1:
                answers[position] = self._run([names[position]], [pixels[position]])[0]
        return answers

    def _run(self, names: list[str], pixels: list[Pixels]) -> list[dict[str, Any]]:
        import torch

        with torch.inference_mode(), _prints_logged():
            answers: list[dict[str, Any]] = self._model.generate_detections_one_batch(
                pixels, names, detection_threshold=self._threshold
            )
        if [answer["file"] for answer in answers] != names:
            raise ModelError(f"the detector gave {len(answers)} results for {len(names)} images")
        return answers


@contextmanager
def open_detector(
    checkpoint: Path, *, device: Device, threshold: float, threads: int, max_pixels: int = MAX_PIXELS
) -> Iterator[Detector]:
    """Load a checkpoint, which can run code that is in it: check its SHA-256 before.

    Args:
        checkpoint: YOLOv5-format `.pt` file.
        device: `auto` takes a GPU when there is one.
        threshold: Lowest confidence that the detector returns, 0 to 1.
        threads: CPU threads. More than there are idle cores makes it far slower, not faster.
        max_pixels: Largest height x width that is decoded.

    Raises:
        ModelError: The checkpoint does not load, or there is no GPU where one was asked for.
    """
    for variable in THREAD_VARIABLES:  # read once, when the libraries load
        os.environ[variable] = str(threads)
    with TemporaryDirectory(prefix="treeline-yolov5-") as settings_folder:
        os.environ["YOLOV5_CONFIG_DIR"] = settings_folder
        with _prints_logged(), _logging_kept():
            detector = _load(checkpoint, device, threshold, threads, max_pixels)
        yield detector


def _load(checkpoint: Path, device: Device, threshold: float, threads: int, max_pixels: int) -> Detector:
    import_yolov5()
    import torch
    from megadetector.detection import run_detector

    torch.set_num_threads(threads)
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("detector.device is cuda, but PyTorch sees no GPU. Set it to auto or cpu.")
    on_gpu = device != "cpu" and torch.cuda.is_available()
    try:
        options = {"device": "cuda:0" if on_gpu else "cpu"}
        model = run_detector.load_detector(str(checkpoint), force_cpu=not on_gpu, detector_options=options)
        version = run_detector.get_detector_version_from_model_file(str(checkpoint)) or "unknown"
    except Exception as error:  # unpickling and foreign model code raise anything
        raise ModelError(f"{checkpoint}: does not load as a detector ({type(error).__name__}: {error}).") from error
    metadata = run_detector.get_detector_metadata_from_version_string(version)
    return Detector(model, threshold, version, dict(metadata), max_pixels)


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Take away the handlers that YOLOv5 adds to the root logger: each line would be written three times."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def _prints_logged() -> Iterator[None]:
    """Send what the package prints to the log."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            if line.strip():
                log.info("megadetector: %s", line.strip())
