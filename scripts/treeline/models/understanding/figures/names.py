"""Names of figures: of files, and of ids in a page."""

from __future__ import annotations

import re
import zlib


def file_name(column: str) -> str:
    """The name of a column where it is plain; else what is plain of it, and a checksum, by which it is told apart."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", column)
    return plain if plain == column else f"{plain}_{zlib.crc32(column.encode()):08x}"
