"""Detect in all images of one shard, and go on where an earlier run was stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from treeline.choices import MAX_PIXELS
from treeline.detect.detector import INFERENCE_FAILURE, Detector, Device, open_detector
from treeline.detect.model import ModelError, check_sha256
from treeline.detect.state import FinishedBatches
from treeline.io.results import ImageResult, build_results, write_results
from treeline.io.shard_sources import batches, content_sha256, read_images

log = logging.getLogger(__name__)


@dataclass
class DetectReport:
    """Counts of one run: `images` = entries in the results; `resumed` of them came from an earlier run."""

    images: int = 0
    failures: int = 0
    detections: int = 0
    resumed: int = 0

    def count(self, results: list[ImageResult], *, resumed: bool) -> None:
        """Add a batch."""
        self.images += len(results)
        self.failures += sum("failure" in result for result in results)
        self.detections += sum(len(result["detections"] or ()) for result in results)
        self.resumed += len(results) if resumed else 0


def detect_shard(
    source: Path,
    results: Path,
    *,
    checkpoint: Path,
    state_folder: Path,
    sha256: str | None = None,
    threshold: float = 0.005,
    batch_size: int = 8,
    max_pixels: int = MAX_PIXELS,
    device: Device = "auto",
    threads: int = 1,
) -> DetectReport:
    """Write the detections of every image of a shard.

    Args:
        source: The images, as `treeline.io.shard_sources.read_images` takes them.
        results: Target JSON file.
        checkpoint: The model.
        state_folder: Where finished batches are kept; gone when the results are written.
        sha256: What the checkpoint must have, if known.
        threshold: Lowest confidence that is written, 0 to 1.
        batch_size: Images that the model sees at once.
        max_pixels: Largest height x width that is decoded; a larger image is a failure.
        device: `auto`, `cpu` or `cuda`.
        threads: CPU threads.

    Raises:
        ShardError: `source` is no shard.
        ModelError: The checkpoint is not the expected one or does not load, or fails on every readable image.
    """
    found_sha256 = check_sha256(checkpoint, sha256)
    key = (found_sha256, checkpoint.name, threshold, batch_size, max_pixels, content_sha256(source))
    state = FinishedBatches(state_folder, key)
    with open_detector(
        checkpoint, device=device, threshold=threshold, threads=threads, max_pixels=max_pixels
    ) as detector:
        images, report = _detect_batches(source, batch_size, detector, state)
        version, metadata = detector.version, detector.metadata
    _check_model_works(checkpoint, images)
    facts = build_results(
        images, model=checkpoint.name, sha256=found_sha256, version=version, threshold=threshold, metadata=metadata
    )
    write_results(results, facts)
    state.remove()
    log.info(
        "%s: %d images, %d failures, %d detections; %d images were done by an earlier run",
        *(results, report.images, report.failures, report.detections, report.resumed),
    )
    return report


def _detect_batches(
    source: Path, batch_size: int, detector: Detector, state: FinishedBatches
) -> tuple[list[ImageResult], DetectReport]:
    images: list[ImageResult] = []
    report = DetectReport()
    for number, batch in enumerate(batches(read_images(source), batch_size)):
        finished = state.read(number)
        results = detector.detect(batch) if finished is None else finished
        # A failed inference may be the machine's fault (memory, say): a later run tries that batch again.
        if finished is None and not _any_inference_failed(results):
            state.write(number, results)
        images += results
        report.count(results, resumed=finished is not None)
    return images, report


def _any_inference_failed(images: list[ImageResult]) -> bool:
    return any(image.get("failure") == INFERENCE_FAILURE for image in images)


def _check_model_works(checkpoint: Path, images: list[ImageResult]) -> None:
    if _any_inference_failed(images) and all(image["detections"] is None for image in images):
        raise ModelError(f"{checkpoint}: the model fails on every image; the log says why.")
