"""Small catalogues of drawn scenes, as tests of the page that shows them need them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.scenes import Scene, draw_scenes
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source

SECRET = "?se=2030-01-01T00%3A00%3A00Z&sig=verysecret"
HOSTILE = "<img src=x onerror=alert(1)>'\" DROP TABLE images; --"
SEQUENCES = 40
FRAMES = 3


def ingest_megadb(catalog: Path, entries: list[dict[str, Any]], name: str = "scenes") -> None:
    """Ingest sequences, data sets and splits as MegaDB JSON."""
    file = catalog.with_name(f"{name}.json")
    file.write_text(json.dumps(entries), encoding="utf-8")
    ingest(catalog, Source(name, "megadb", file, is_strict=False), memory_mb=1024, threads=1)


def make_catalog(root: Path) -> tuple[Path, Path]:
    """Make a catalogue of two data sets, 120 images; gives it and the folder of its images."""
    catalog, images = root / "catalog.duckdb", root / "photos"
    scenes = draw_scenes(SEQUENCES * FRAMES, seed=5)
    entries = [_dataset(name) for name in ("caltech", "serengeti")]
    for number in range(SEQUENCES):
        entries.append(_sequence(number, scenes[number * FRAMES : (number + 1) * FRAMES], images))
    ingest_megadb(catalog, entries)
    return catalog, images


def serve_catalog(catalog: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start the page as its users do; gives the process and the address that it prints."""
    command = [sys.executable, "-m", "treeline", "catalog", "browse", str(catalog), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "open http://" in line
    return process, line.split("open ")[1].split()[0]


def _dataset(name: str) -> dict[str, Any]:
    return {
        "dataset_name": name,
        "storage_account": "account",
        "container": "images",
        "path_prefix": "",
        "container_sas_key": SECRET,
        "access": ["public"],
    }


def _sequence(number: int, scenes: list[Scene], images: Path) -> dict[str, Any]:
    dataset = "caltech" if number % 3 else "serengeti"
    place = number % 6
    located = {"location": {"latitude": -2.5 + place / 7, "longitude": 34.1 + place / 5, "name": f"plot {place}"}}
    named = {"location": f"camera {place}", "latitude": 36.1 + place / 9, "longitude": -118.2 - place / 4}
    return {
        "dataset": dataset,
        "seq_id": f"sequence/{number}",
        "class": [["empty"], ["red deer"], ["fox", "bird"], ["__label_unavailable"]][number % 4],
        **(located if dataset == "serengeti" else named),
        "images": [_image(number, frame, drawn, images / dataset) for frame, drawn in enumerate(scenes)],
    }


def _image(number: int, frame: int, drawn: Scene, folder: Path) -> dict[str, Any]:
    name = f"{number % 6}/{number:03d}-{frame}.jpg"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(drawn.data)
    image: dict[str, Any] = {
        "file": name,
        "frame_num": frame,
        "datetime": f"20{18 + number % 5}-{1 + number % 12:02d}-{1 + number % 28:02d} {number % 24:02d}:10:{frame:02d}",
    }
    if number % 4 == 3:
        return image  # never annotated
    image["bbox"] = [
        {
            "category": found.category,
            "bbox": [
                found.left / drawn.width,
                found.top / drawn.height,
                (found.right - found.left) / drawn.width,
                (found.bottom - found.top) / drawn.height,
            ],
            **({"confidence": round(0.35 + 0.6 * place / 5, 2)} if number % 2 else {}),
        }
        for place, found in enumerate(drawn.objects if number % 4 else [])
    ]
    return image
