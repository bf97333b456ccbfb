"""Names in figures and pages: of files, of ids, of metrics."""

from __future__ import annotations

import re
import zlib

TITLES = {"f1": "F1", "iou": "IoU", "r2": "R²", "auroc": "AUROC"}


def metric_title(metric: str) -> str:
    """The name of a metric as it is shown."""
    return TITLES.get(metric, metric.replace("_", " ").capitalize())


def file_name(column: str) -> str:
    """The name of a column where it is plain; else what is plain of it, and a checksum, by which it is told apart."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", column)
    return plain if plain == column else f"{plain}_{zlib.crc32(column.encode()):08x}"
