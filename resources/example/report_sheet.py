"""Make `docs/figures/analyze-report.png`: the figures of a report on drawn camera trap photos, on one sheet.

    python -m resources.example.report_sheet [FOLDER]

With a folder, the dataset, its analysis and the whole report stay there.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from resources.detector.scenes import SceneObject, scene
from treeline.analyze.measure import measure
from treeline.analyze.report import write_report
from treeline.io.datasets.metadata import Metadata, write_metadata

SHEET = Path(__file__).parents[2] / "docs" / "figures" / "analyze-report.png"
PHOTOS = 240
SIZES = ((320, 240), (240, 320), (480, 270))
"""Width and height in pixels."""

CAMERAS = 8
COLUMNS, WIDTH, GAP = 5, 380, 8
"""Of the sheet, and of each of its figures in pixels."""

SHOWN = (
    *("class_samples", "class_shares", "dimensions", "brightness", "sharpness"),
    *("channel_histograms", "hsv", "lab", "correlation_pearson", "components_of_channels"),
    *("components_of_thumbnails", "textures", "box_centres", "box_sizes", "box_areas"),
    *("by_hour", "brightness_by_hour", "by_date", "places_1", "class_pairs"),
)


def main() -> None:
    """Draw the photos, measure them, write the report, and put the sheet together."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch) / "camera-traps"
        draw_dataset(folder)
        measure(folder / "metadata.h5", folder / "analysis", workers=0)
        write_report(folder / "analysis", folder / "analysis" / "report.html")
        SHEET.parent.mkdir(exist_ok=True)
        put_together([folder / "analysis" / "figures" / f"{name}.png" for name in SHOWN]).save(SHEET, optimize=True)


def draw_dataset(folder: Path) -> None:
    """Draw photos of animals, people and vehicles, by day and by night, at eight cameras in three splits."""
    rng = np.random.default_rng(7)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    boxes: list[dict[str, object]] = []
    samples = []
    for number in range(PHOTOS):
        width, height = SIZES[number % 7 % 3]
        pixels, objects = scene(rng, width, height)
        camera, hour = int(rng.integers(CAMERAS)), int(rng.choice([*range(24), 5, 6, 7, 19, 20, 21]))
        light = 0.3 + 0.7 * max(0.0, np.sin(np.pi * (hour - 5) / 15))
        Image.fromarray((pixels * light).astype(np.uint8)).save(folder / "photos" / f"{number:03}.jpg", quality=90)
        samples.append(_facts(number, width, height, camera, rng, hour))
        boxes += [_box(number, place, found) for place, found in enumerate(objects)]
    write_metadata(_metadata(folder, pd.DataFrame(samples), pd.DataFrame(boxes)), folder / "metadata.h5")


def put_together(files: list[Path]) -> Image.Image:
    """Lay pictures out in columns of one width, each below the shortest."""
    columns: list[list[Image.Image]] = [[] for _ in range(COLUMNS)]
    heights = [GAP] * COLUMNS
    for file in files:
        with Image.open(file) as picture:
            small = picture.convert("RGB").resize((WIDTH, round(picture.height * WIDTH / picture.width)))
        shortest = heights.index(min(heights))
        columns[shortest].append(small)
        heights[shortest] += small.height + GAP
    sheet = Image.new("RGB", (GAP + COLUMNS * (WIDTH + GAP), max(heights)), "#e9e9e4")
    for place, column in enumerate(columns):
        top = GAP
        for small in column:
            sheet.paste(small, (GAP + place * (WIDTH + GAP), top))
            top += small.height + GAP
    return sheet.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def _facts(number: int, width: int, height: int, camera: int, rng: np.random.Generator, hour: int) -> dict[str, object]:
    day = pd.Timestamp("2025-03-01") + pd.Timedelta(days=int(rng.integers(200)), hours=hour)
    split = ("train", "train", "train", "train", "train", "train", "val", "test")[camera]
    place = {"longitude": 10.0 + 0.13 * (camera % 3), "latitude": 51.0 + 0.06 * camera}
    size = {"image_width": width, "image_height": height}
    return {"id": number, "image_path": f"{number:03}.jpg", "split": split, "time_of_capture": day, **place, **size}


def _box(sample: int, number: int, found: SceneObject) -> dict[str, object]:
    size = {"width": found.right - found.left, "height": found.bottom - found.top}
    return {"id": sample, "number": number, "label": found.category, "x": found.left, "y": found.top, **size}


def _metadata(folder: Path, samples: pd.DataFrame, boxes: pd.DataFrame) -> Metadata:
    names = tuple(sorted(set(boxes["label"])))
    places = {name: place for place, name in enumerate(names)}
    tables = {
        "index": samples[["id", "image_path", "split"]],
        "boxes": boxes.assign(label_idx=boxes["label"].map(places)),
        "spatial": samples[["id", "image_width", "image_height"]],
        "temporal": samples[["id", "time_of_capture"]],
        "additional": samples[["id", "longitude", "latitude"]],
    }
    return Metadata("camera-traps", "detection", names, tables, images=(str(folder / "photos"),))


if __name__ == "__main__":
    main()
