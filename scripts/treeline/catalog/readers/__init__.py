"""What the catalogue can ingest: one module a format, each with a function that fills the staged tables."""

from __future__ import annotations

from treeline.catalog.readers import camtrap_dp, coco_camera_traps, lila, megadb, megadetector, shards, table
from treeline.catalog.sources import Stage

READERS: dict[str, Stage] = {
    "camtrap-dp": camtrap_dp.stage,
    "coco-camera-traps": coco_camera_traps.stage,
    "lila": lila.stage,
    "megadb": megadb.stage,
    "megadetector": megadetector.stage,
    "shards": shards.stage,
    "table": table.stage,
}
