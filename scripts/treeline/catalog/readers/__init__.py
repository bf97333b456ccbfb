"""What the catalogue can ingest: one module a format, each with a function that fills the staged tables."""

from __future__ import annotations

from treeline.catalog.readers import coco_camera_traps, megadb, megadetector, shards
from treeline.catalog.sources import Stage

READERS: dict[str, Stage] = {
    "coco-camera-traps": coco_camera_traps.stage,
    "megadb": megadb.stage,
    "megadetector": megadetector.stage,
    "shards": shards.stage,
}
