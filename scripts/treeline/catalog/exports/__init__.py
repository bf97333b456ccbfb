"""What the catalogue can write: one module a format, each with a function of the kind of `options.Export`."""

from __future__ import annotations

from treeline.catalog.exports import camtrap_dp, coco_camera_traps, darwin_core, lila, megadb
from treeline.catalog.exports.options import Export

EXPORTS: dict[str, Export] = {
    "camtrap-dp": camtrap_dp.write,
    "coco-camera-traps": coco_camera_traps.write,
    "darwin-core": darwin_core.write,
    "lila": lila.write,
    "megadb": megadb.write,
}
