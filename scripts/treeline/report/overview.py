"""What stands at the head of the page: what went in, came out, is lost and why, and is left to do."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from treeline.console import format_duration
from treeline.io.figures.drawing import Listing, Remark
from treeline.io.figures.page import number, size, whole
from treeline.io.table_sets import Tables
from treeline.report.figures.flow import roots_of
from treeline.report.figures.listings import Columns, listing, percent, percents

SHOWN = {
    "rows": "Rows of the input",
    "rejected": "Rejected",
    "images": "Images",
    "errors": "Errors",
    "not_done": "Left to download",
    "servers": "Servers",
    "requests": "Requests",
    "bytes_received": "Received",
    "seconds_asked": "Servers were asked for",
    "images_per_second": "Speed meanwhile",
    "bytes_on_disk": "On disk",
    "images_with_full_license": "With a full licence",
    "decoded": "Decoded",
    "in_a_group": "In a group",
}
"""Numbers of the table `summary` that the page begins with, by their keys; all others have a place further down."""

UNITS = {"bytes": size, "s": format_duration}
"""How numbers with a unit are written; others are written with the unit behind them."""

MOST_LOSSES = 12


def name_of(tables: Tables) -> str:
    """What the report is of: the name of the output folder."""
    rows = tables["provenance"]
    manifests = rows.loc[rows["key"] == "manifest", "value"].tolist()
    return Path(manifests[0]).absolute().parents[1].name if manifests else "Report"


def facts(summary: pd.DataFrame) -> dict[str, str]:
    """The numbers at the head of the page, by their names."""
    rows = {key: (value, unit) for key, value, unit in summary[["key", "value", "unit"]].itertuples(index=False)}
    return {title: _written(*rows[key]) for key, title in SHOWN.items() if key in rows}


def _written(value: float, unit: str) -> str:
    if unit in UNITS:
        return UNITS[unit](value)
    return f"{number(value)} {unit}".rstrip()


def story(tables: Tables) -> list[Remark]:
    """What became of the input, in sentences."""
    flow = _images(tables["flow"])
    total = int(roots_of(flow).sum())
    if not total:
        return [Remark("Nothing has been read yet: there is no row.")]
    lost, waiting = (int(flow.loc[flow["kind"] == kind, "rows"].sum()) for kind in ("lost", "waiting"))
    arrived = total - lost - waiting
    remarks = [Remark(f"Of {whole(total)} rows, {_part(arrived, total)} came through as far as the stages go.")]
    if lost:
        remarks.append(
            Remark(
                f"{_part(lost, total)} {'is' if lost == 1 else 'are'} lost on the way, each for a reason that is known."
            )
        )
    if waiting:
        remarks.append(
            Remark(f"{_part(waiting, total)} {'is' if waiting == 1 else 'are'} left to do.", is_warning=True)
        )
    else:
        remarks.append(Remark("Nothing is left to do."))
    return remarks


def _part(rows: int, total: int) -> str:
    return f"{whole(rows)} ({percent(rows / total)})"


def losses(flow: pd.DataFrame) -> Listing | None:
    """Where the most rows of the input were lost; None: nowhere."""
    images = _images(flow)
    lost = images[images["kind"] == "lost"].sort_values(["rows", "target"], ascending=[False, True], kind="stable")
    if lost.empty:
        return None
    columns: Columns = {
        "lost": lost["target"],
        "of": lost["source"],
        "rows": lost["rows"],
        "of all rows": percents((lost["rows"] / roots_of(images).sum()).tolist()),
    }
    return listing("Where rows are lost", "flow", columns, MOST_LOSSES)


def _images(flow: pd.DataFrame) -> pd.DataFrame:
    return flow[(flow["part"] == "images") & (flow["rows"] > 0)]


def provenance(rows: pd.DataFrame) -> Listing:
    """Where all of it is from."""
    return Listing(
        "Where the numbers come from", rows[["key", "value"]].rename(columns={"key": "what", "value": "which"})
    )
