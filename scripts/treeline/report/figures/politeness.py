"""Whether each server was asked no more often than it is to be."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.ticker import MaxNLocator

from treeline.io.figures.drawing import (
    Cell,
    Drawing,
    Listing,
    Remark,
    height_of_rows,
    legend_below,
    row_axis,
)
from treeline.io.figures.page import number, whole
from treeline.io.figures.style import BLUE, INK, VERMILION, log_axis, new_figure
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import Columns, listing, percents

HELD, NOT_HELD, NOT_KNOWN = 1, 0, -1
WORDS = {HELD: "yes", NOT_HELD: "no", NOT_KNOWN: "not known"}
WINDOW_SECONDS = 10.0
MOST_NEAREST = 20
"""Servers that are drawn by name."""


def draw_politeness(tables: Tables) -> Iterator[Drawing | Listing | Remark]:
    """Say whether the limits held, draw each server's most requests against its limit, and list them."""
    servers = tables["politeness"].sort_values(["share", "server"], ascending=[False, True], kind="stable")
    if servers.empty:
        return
    yield from _verdicts(servers)
    known = servers[servers["held"] != NOT_KNOWN]
    if not known.empty:
        yield _shares(known)
    if len(known) > 1:
        yield _against_the_limit(known)
    yield _listing(servers)


def _verdicts(servers: pd.DataFrame) -> Iterator[Remark]:
    held = servers["held"].value_counts()
    over = servers.loc[servers["held"] == NOT_HELD, "server"].tolist()
    if over:
        yield Remark(f"The limit did not hold at {_counted(len(over), 'server')}: {_listed(over)}.", is_warning=True)
    if count := int(held.get(HELD, 0)):
        most = percents([servers.loc[servers["held"] == HELD, "share"].max()])[0].text
        yield Remark(
            f"The limit held at {_counted(count, 'server')}: in no 10 seconds more than {most} of what it allows."
        )
    if count := int(held.get(NOT_KNOWN, 0)):
        yield Remark(f"Of {_counted(count, 'server')} it is not known, as their requests were not recorded.")
    obeyed = {
        "were not taken as robots.txt says so": servers["refused_by_robots"].sum(),
        "were not taken as their owners opted out": servers["refused_by_opt_out"].sum(),
        "were left as their server had stopped to answer": servers["parked"].sum(),
    }
    for what, images in obeyed.items():
        if images:
            yield Remark(f"{whole(images)} images {what}.")
    if slow_downs := servers["slow_downs"].sum():
        yield Remark(
            f"{whole(slow_downs)} answers (429 or 503) asked to be slower: that server is asked less often then."
        )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _listed(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _shares(servers: pd.DataFrame) -> Drawing:
    title = "Most requests, in parts of what the limit allows"
    shown = servers.head(MOST_NEAREST)
    names = shown["server"].tolist()
    figure, axes = new_figure(title, height_of_rows(names) + 0.2)
    axes.axvline(100, color=INK, linewidth=1, label="the limit")
    for value, colour, marker, label in ((HELD, BLUE, "o", "held"), (NOT_HELD, VERMILION, "D", "not held")):
        places = [place for place, held in enumerate(shown["held"]) if held == value]
        if places:
            share = 100 * shown["share"].to_numpy()[places]
            axes.scatter(share, places, s=18, linewidths=0, color=colour, marker=marker, label=label, zorder=3)
    row_axis(axes, names)
    axes.set(xlabel="Most in any 10 s (% of those allowed)", xlim=(0, max(110, 106 * shown["share"].max())))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    legend_below(figure)
    nearest = (
        f"The {len(shown)} of {len(servers):,} servers that are nearest to"
        if len(shown) < len(servers)
        else "All servers, nearest first to"
    )
    caption = f"{nearest} their limit. A server left of the line was never asked more than its limit allows."
    return Drawing(
        "politeness",
        title,
        caption,
        figure,
        servers[["server", "most_in_10_seconds", "allowed_in_10_seconds", "share", "held"]],
    )


def _against_the_limit(servers: pd.DataFrame) -> Drawing:
    title = "Most requests a second, against the limit"
    figure, axes = new_figure(title, 3.0)
    asked = servers["most_in_10_seconds"] / WINDOW_SECONDS
    allowed = servers["allowed_in_10_seconds"] / WINDOW_SECONDS
    for value, colour, marker, label in ((HELD, BLUE, "o", "held"), (NOT_HELD, VERMILION, "D", "not held")):
        of_it = servers["held"] == value
        if of_it.any():
            axes.scatter(
                allowed[of_it],
                asked[of_it],
                s=14,
                linewidths=0,
                alpha=0.7,
                color=colour,
                marker=marker,
                label=label,
                zorder=3,
            )
    ends = [min(allowed.min(), asked[asked > 0].min()) / 1.5, max(allowed.max(), asked.max()) * 1.5]
    axes.plot(ends, ends, color=INK, linewidth=1, label="the limit")
    axes.set(xlim=ends, ylim=ends, xlabel="Allowed by the limit (requests/s)", ylabel="Most in any 10 s (requests/s)")
    for which in ("x", "y"):
        log_axis(axes, which)
    legend_below(figure)
    caption = f"A dot a server, of {len(servers):,}. None that kept to its limit is above the line."
    return Drawing(
        "limits",
        title,
        caption,
        figure,
        servers[["server", "rate_limit", "most_in_10_seconds", "allowed_in_10_seconds"]],
    )


def _listing(servers: pd.DataFrame) -> Listing:
    columns: Columns = {
        "server": servers["server"],
        "limit held": [WORDS[held] for held in servers["held"]],
        "limit (requests/s)": servers["rate_limit"],
        "requests": servers["requests"],
        "most in 1 s (allowed)": _most(servers, 1),
        "most in 10 s (allowed)": _most(servers, 10),
        "share": percents(servers["share"].tolist()),
        "robots.txt said no": servers["refused_by_robots"],
        "opted out": servers["refused_by_opt_out"],
        "slow down": servers["slow_downs"],
        "left alone": servers["parked"],
    }
    return listing("Limits of every server", "politeness", columns)


def _most(servers: pd.DataFrame, seconds: int) -> list[Cell]:
    name = f"in_{seconds}_second{'s' if seconds > 1 else ''}"
    pairs = zip(servers[f"most_{name}"], servers[f"allowed_{name}"], strict=True)
    return [Cell(f"{most:,} ({number(allowed)})", float(most)) for most, allowed in pairs]
