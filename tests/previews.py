"""Collections of drawn scenes with made-up results, as tests of the preview need them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.scenes import Scene, draw_scenes
from treeline.detections.preview.write import PreviewOptions, write_preview
from treeline.io.tar import tar_writer

CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
NUMBERS = {name: number for number, name in CATEGORIES.items()}


def detection(category: str, confidence: float, box: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)) -> dict[str, Any]:
    return {"category": category, "conf": confidence, "bbox": list(box)}


def results_of(images: list[dict[str, Any]], categories: dict[str, str] = CATEGORIES) -> dict[str, Any]:
    return {
        "info": {"format_version": "1.6", "detector": "drawn.pt"},
        "detection_categories": categories,
        "images": images,
    }


def write_results(path: Path, images: list[dict[str, Any]], **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**results_of(images), **more}))
    return path


def entries_of(scenes: list[Scene], seed: int = 3) -> list[dict[str, Any]]:
    """True boxes with confidences at random, many of them low, as a detector gives them."""
    rng = np.random.default_rng(seed)
    return [
        {
            "file": drawn.name,
            "detections": [
                detection(
                    NUMBERS[found.category],
                    round(float(rng.beta(1.2, 0.8)), 3),
                    (
                        found.left / drawn.width,
                        found.top / drawn.height,
                        (found.right - found.left) / drawn.width,
                        (found.bottom - found.top) / drawn.height,
                    ),
                )
                for found in drawn.objects
            ],
            "datetime": "2024:05:06 07:08:09",
        }
        for drawn in scenes
    ]


def write_shards(root: Path, count: int) -> tuple[Path, Path]:
    """Results and archives of two servers' shards, as Treeline lays them out; gives both folders."""
    results, decoded = root / "detections", root / "decoded"
    for number, server in enumerate(("a.org%3A80", "b.org")):
        scenes = draw_scenes(count, seed=20 + number)
        name = f"server_name={server}/partition_id=0"
        entries = entries_of(scenes, seed=number)
        entries.append({"file": "broken.jpg", "failure": "image access failure", "detections": None})
        write_results(results / f"{name}.json", entries)
        with tar_writer(decoded / f"{name}.tar") as tar:
            for drawn in scenes:
                facts = {"title": f"Photo {drawn.name}", "license": "CC-BY", "identifier": "https://example.org/1"}
                tar.add(drawn.name, drawn.data)
                tar.add(drawn.name.replace(".jpg", ".json"), json.dumps(facts).encode())
    return results, decoded


def preview_data(folder: Path) -> dict[str, Any]:
    text = (folder / "data.js").read_text(encoding="ascii")
    content: dict[str, Any] = json.loads(text.removeprefix("window.PREVIEW = ").removesuffix(";\n"))
    return content


def make_preview(results: Path, images: Path, output: Path, **options: Any) -> dict[str, Any]:
    """Write a preview and give what its page is told."""
    write_preview(results, images, output, PreviewOptions(**options))
    return preview_data(output)
