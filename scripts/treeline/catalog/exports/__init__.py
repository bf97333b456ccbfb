"""What the catalogue can write: one module a format, each with a function of the kind of `options.Export`."""

from __future__ import annotations

from treeline.catalog.exports import megadb
from treeline.catalog.exports.options import Export

EXPORTS: dict[str, Export] = {
    "megadb": megadb.write,
}
