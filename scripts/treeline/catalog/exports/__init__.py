"""What the catalogue can write: one module a format, each with a function of the kind of `options.Export`."""

from __future__ import annotations

from treeline.catalog.exports import coco_camera_traps, megadb
from treeline.catalog.exports.options import Export

EXPORTS: dict[str, Export] = {
    "coco-camera-traps": coco_camera_traps.write,
    "megadb": megadb.write,
}
