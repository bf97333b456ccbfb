"""What is found of the forms: `optimise.json`, and a table for people.

schema_version                    1
run, dataset, dataset_hash        of the model
task, split, images               on which images the metric is, and how many they are
metric                            name, and whether more of it is better
forms[]                           in the order of `FORM_NAMES`; the same for the same run and dataset
    form, runtime, file           the file from the folder of `optimise.json`
    bytes, compressed_bytes       of the file; and packed as ZIP packs (deflate, level 9)
    parameters, nonzero_parameters
    metric                        null where there is nothing to compute it of
    metric_before_fine_tuning     null where the form was not fine-tuned
    largest_deviation             of an output from the model's as it is
    is_on_front                   no other form has a smaller file and a better metric
not_available[]                   form, reason: what could not be made, or has no finite outputs
latency                           what differs from one call to the next
    threads, rounds
    forms[]
        form
        median_ms_1, p95_ms_1     of a call with 1 image, in milliseconds
        median_ms_32, p95_ms_32   with 32
        images_per_second         32 images / their median
        speed_1, speed_32         the median of `eager` / its own
        is_slower                 than `eager`, with 1 image and with 32
        is_on_front               no other form is faster with 1 image and has a better metric
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treeline.console import new_table, open_console, printable
from treeline.models.optimisation.compare import Quality
from treeline.models.optimisation.forms import Form
from treeline.models.optimisation.latency import BATCHES, Latency
from treeline.models.optimisation.names import EAGER
from treeline.models.optimisation.pareto import pareto_front

SCHEMA_VERSION = 1
DECIMALS = 6
CHUNK_BYTES = 2**20
"""Of a file that is compressed."""

Row = dict[str, Any]


def form_rows(
    forms: Mapping[str, Form], qualities: Mapping[str, Quality], folder: Path, *, more_is_better: bool
) -> list[Row]:
    """What is the same each time, a form a row; columns as above.

    Args:
        forms: By name, in their order.
        qualities: Of each.
        folder: From which files are named.
        more_is_better: Of the metric.
    """
    rows: list[Row] = []
    for name, form in forms.items():
        quality = qualities[name]
        rows.append(
            {
                "form": name,
                "runtime": form.runtime,
                "file": form.file.relative_to(folder).as_posix(),
                "bytes": form.file.stat().st_size,
                "compressed_bytes": _compressed_size(form.file),
                "parameters": form.parameters,
                "nonzero_parameters": form.nonzero_parameters,
                "metric": _rounded(quality.metric),
                "metric_before_fine_tuning": _rounded(quality.metric_before),
                "largest_deviation": _rounded(quality.largest_deviation),
            }
        )
    return _mark_front(rows, "bytes", [row["metric"] for row in rows], more_is_better)


def latency_rows(latencies: Mapping[str, Sequence[Latency]], rows: Sequence[Row], *, more_is_better: bool) -> list[Row]:
    """What differs each time, a form a row; columns as above.

    Args:
        latencies: By form, one a batch.
        rows: Of the same forms.
        more_is_better: Of the metric.
    """
    found: list[Row] = []
    for row in rows:
        name = row["form"]
        speeds = [ours.median_ms / own.median_ms for ours, own in zip(latencies[EAGER], latencies[name], strict=True)]
        line: Row = {"form": name}
        for batch, latency, speed in zip(BATCHES, latencies[name], speeds, strict=True):
            line |= {f"median_ms_{batch}": _rounded(latency.median_ms), f"p95_ms_{batch}": _rounded(latency.p95_ms)}
            line[f"speed_{batch}"] = _rounded(speed)
        line["images_per_second"] = _rounded(BATCHES[-1] / latencies[name][-1].median_ms * 1000)
        line["is_slower"] = all(speed < 1 for speed in speeds)
        found.append(line)
    return _mark_front(found, f"median_ms_{BATCHES[0]}", [row["metric"] for row in rows], more_is_better)


def print_forms(found: Row) -> None:
    """Print `optimise.json` as a table; `*` marks the fronts, the first of size, the second of latency."""
    metric = found["metric"]["name"]
    table = new_table(f"{found['run']}: {metric} of {found['images']:,} images of {found['split']}; * is not beaten")
    for column in ("form", "MB", metric.replace("_", " "), "deviation", "1 image, ms", "p95", "images/s", "x eager"):
        table.add_column(column, justify="left" if column == "form" else "right")
    for row, time in zip(found["forms"], found["latency"]["forms"], strict=True):
        table.add_row(
            row["form"],
            f"{row['bytes'] / 1e6:,.2f}{_mark(row)}",
            "–" if row["metric"] is None else f"{row['metric']:.3f}",
            f"{row['largest_deviation']:.2g}",
            f"{time['median_ms_1']:,.2f}{_mark(time)}",
            f"{time['p95_ms_1']:,.2f}",
            f"{time['images_per_second']:,.0f}",
            f"{time['speed_32']:.2f}" + (", slower" if time["is_slower"] else ""),
        )
    console = open_console()
    console.print(table)
    for row in found["not_available"]:
        console.print(printable(f"{row['form']} is not available: {row['reason']}"), soft_wrap=True)


def _mark_front(rows: list[Row], cost: str, metrics: Sequence[float | None], more_is_better: bool) -> list[Row]:
    """Add `is_on_front`; what has no metric is not."""
    sign = 1 if more_is_better else -1
    known: list[tuple[Row, float]] = [
        (row, sign * metric) for row, metric in zip(rows, metrics, strict=True) if metric is not None
    ]
    front = pareto_front([(row[cost], value) for row, value in known])
    marked = {row["form"] for (row, _), is_on_front in zip(known, front, strict=True) if is_on_front}
    return [{**row, "is_on_front": row["form"] in marked} for row in rows]


def _mark(row: Row) -> str:
    return " *" if row["is_on_front"] else "  "


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, DECIMALS)


def _compressed_size(file: Path) -> int:
    packer = zlib.compressobj(9)
    with file.open("rb") as content:
        size = sum(len(packer.compress(chunk)) for chunk in iter(lambda: content.read(CHUNK_BYTES), b""))
    return size + len(packer.flush())
