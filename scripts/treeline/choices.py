"""Choices and limits that the configuration and the command line share.

They lie here because every command reads them when it starts, and the configuration's models take longer to import than
many commands to run.
"""

from __future__ import annotations

from typing import Literal

INITIALIZERS = ("plain", "gbif", "eol", "fathomnet", "lila", "tol_general")
Archive = Literal["tar", "tar.gz", "folder"]
DecodedFormat = Literal["jpeg", "png", "stored"]

SEQUENCE_GAP_SECONDS = 60.0
"""Longest time between two images of a camera that belong to one sequence: how MegaDB makes sequences."""

MAX_PIXELS = 100_000_000
"""Largest height x width that is decoded where nothing else is said; the default of `max_image_pixels`."""
