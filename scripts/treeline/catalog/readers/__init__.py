"""What the catalogue can ingest: one module a format, each with a function that fills the staged tables."""

from __future__ import annotations

from treeline.catalog.readers import camtrap_dp, lila, megadb, table
from treeline.catalog.sources import Stage

READERS: dict[str, Stage] = {
    "camtrap-dp": camtrap_dp.stage,
    "lila": lila.stage,
    "megadb": megadb.stage,
    "table": table.stage,
}
