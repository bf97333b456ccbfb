"""What could not be had, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from treeline.io.figures.drawing import MOST_ANNOTATED, Cell, Drawing, Listing, Remark, bars, matrix
from treeline.io.figures.page import whole, with_code
from treeline.io.figures.style import COUNTS, VERMILION, new_figure
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import Columns, listing

MOST_BARS = 20
MOST_CODES, MOST_SERVERS = 8, MOST_ANNOTATED
"""Of a matrix."""

MOST_GROUPS = 100
"""Rows that are shown; each is long."""


def draw_errors(tables: Tables) -> Iterator[Drawing | Listing | Remark]:
    """Draw errors by cause, by server, and by both; and list what failed alike, with an example and advice."""
    errors = tables["errors"].sort_values(["images", "server", "code", "message"], ascending=[False, True, True, True])
    if errors.empty:
        if tables["servers"]["images"].sum():
            yield Remark("No image that was asked for failed.")
        return
    yield _causes(errors)
    if errors["server"].nunique() > 1:
        yield _servers(errors)
        yield _codes_of_servers(errors)
    yield _listing(errors)


def _causes(errors: pd.DataFrame) -> Drawing:
    title = "Errors by cause"
    causes = _summed(errors, ["code", "meaning"])
    shown = causes.head(MOST_BARS)
    names = [f"{code}: {meaning}" for code, meaning in zip(shown["code"], shown["meaning"], strict=True)]
    figure = bars(names, shown["images"].tolist(), title, "Images", VERMILION)
    more = f" {len(causes) - len(shown)} more causes are only in the table." if len(causes) > len(shown) else ""
    caption = (
        f"{whole(errors['images'].sum())} images. Negative codes are Treeline's own, others the servers' answers.{more}"
    )
    return Drawing("errors", title, caption, figure, causes)


def _servers(errors: pd.DataFrame) -> Drawing:
    title = "Errors by server"
    servers = _summed(errors, ["server"])
    shown = servers.head(MOST_BARS)
    figure = bars(shown["server"].tolist(), shown["images"].tolist(), title, "Images", VERMILION)
    caption = f"{len(shown)} of the {len(servers):,} servers that had errors, those with the most first."
    return Drawing("errors_by_server", title, caption, figure, servers)


def _codes_of_servers(errors: pd.DataFrame) -> Drawing:
    title = "Errors by server and code"
    servers = _summed(errors, ["server"])["server"].tolist()[:MOST_SERVERS]
    codes = sorted(_summed(errors, ["code"])["code"].tolist()[:MOST_CODES])
    both = _summed(errors, ["server", "code"])
    counts = both.pivot(index="server", columns="code", values="images").reindex(index=servers, columns=codes)
    values = counts.to_numpy(dtype=float)
    figure, axes = new_figure(title, 1.4 + 0.24 * len(servers))
    limits = (0.0, float(np.nanmax(values, initial=1.0)))
    names = [str(code) for code in codes]
    matrix(figure, axes, values, servers, names, colours=COUNTS, limits=limits, unit="Images")
    axes.set_xlabel("Code")
    caption = f"The {len(servers)} servers with the most errors, and the {len(codes)} most common codes."
    return Drawing("errors_by_code", title, caption, figure, both)


def _summed(errors: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Images by columns, the most first."""
    sums = errors.groupby(columns)["images"].sum().reset_index()
    return sums.sort_values(["images", *columns], ascending=[False, *[True] * len(columns)], kind="stable")


def _listing(errors: pd.DataFrame) -> Listing:
    columns: Columns = {
        "server": errors["server"],
        "code": errors["code"],
        "images": errors["images"],
        "message": errors["message"],
        "what it means": [with_code(text) for text in errors["meaning"]],
        "what to do": [with_code(text) for text in errors["advice"]],
        "example": [Cell(url, address=url) for url in errors["example"]],
    }
    return listing("What failed alike, the largest groups first", "errors", columns, MOST_GROUPS)
