"""Results, finished batches and times: the parts of detection that need no detector."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.shards import EXIF_DATE_TIME, encode, encoded_kinds, exif, picture
from treeline.detect.state import FinishedBatches
from treeline.io.results import Detection, build_results, failed, processed, write_results
from treeline.io.time_taken import DATE_TIME_ORIGINAL, EXIF_IFD, time_taken

IMAGE = Image.fromarray(picture())
TIME = "2024:05:06 07:08:09"
KEY = ("sha", 0.005, 8)


def detection(confidence: float, left: float = 0.1) -> Detection:
    return {"category": "1", "conf": confidence, "bbox": [left, 0.1, 0.2, 0.2]}


def test_detections_stand_by_falling_confidence_however_they_came() -> None:
    found = [detection(0.2), detection(0.9), detection(0.2, left=0.05)]
    expected = [detection(0.9), detection(0.2, left=0.05), detection(0.2)]
    assert processed("a.jpg", found, (24, 36), None)["detections"] == expected
    assert processed("a.jpg", found[::-1], (24, 36), None)["detections"] == expected


def test_results_come_back(tmp_path: Path) -> None:
    images = [processed("a.jpg", [detection(0.5)], (24, 36), TIME), failed("b.jpg", "image access failure")]
    results = build_results(images, model="m.pt", sha256="s", version="v", threshold=0.1, metadata={})
    write_results(tmp_path / "results.json", results)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert images[0]["width"] == 36


def test_finished_batches_come_back_to_the_same_work_only(tmp_path: Path) -> None:
    folder, results = tmp_path / "partial", [failed("a.jpg", "x")]
    FinishedBatches(folder, KEY).write(3, results)
    assert FinishedBatches(folder, KEY).read(3) == results
    assert FinishedBatches(folder, KEY).read(2) is None
    other = FinishedBatches(folder, ("another sha", 0.005, 8))
    assert other.read(3) is None
    other.write(3, [])
    assert FinishedBatches(folder, KEY).read(3) is None
    FinishedBatches(folder, KEY).remove()
    assert not folder.exists()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_time_of_a_photograph_is_read(image_format: str) -> None:
    assert time_taken(encode(IMAGE, image_format, exif=exif(taken=TIME))) == TIME


def test_the_time_it_was_taken_comes_before_the_time_it_was_changed() -> None:
    block = exif(taken="2025:01:01 00:00:00")
    block.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] = TIME
    assert time_taken(encode(IMAGE, "JPEG", exif=block)) == TIME


@pytest.mark.parametrize("taken", ["", "2024-05-06", "    :  :     :  :  ", f"{TIME} and more"])
def test_a_time_in_no_format_is_no_time(taken: str) -> None:
    block = exif()
    block[EXIF_DATE_TIME] = taken
    assert time_taken(encode(IMAGE, "JPEG", exif=block)) is None


def test_what_has_no_time_has_none() -> None:
    broken_exif = encode(IMAGE, "JPEG", exif=exif(taken=TIME)).replace(b"MM\x00*", b"????").replace(b"II*\x00", b"????")
    for data in (*encoded_kinds().values(), b"", b"no image", broken_exif):
        assert time_taken(data) is None
