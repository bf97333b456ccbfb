"""Under which licences the images are, and whether their creators can be named."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.ticker import MaxNLocator

from treeline.io.figures.drawing import Drawing, Listing, Remark, bars, stacked_bars
from treeline.io.figures.page import whole
from treeline.io.figures.style import BLUE, QUIET
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import listing, percent

MOST_BARS = 20
NONE = "none given"
FIELDS = {"creator": "Creator", "license": "Licence", "source": "Source", "title": "Title", "url": "URL"}


def draw_licenses(tables: Tables) -> Iterator[Drawing | Listing | Remark]:
    """Draw how many images each licence has, and of how many each part of a credit is known."""
    licenses = tables["licenses"].sort_values(["images", "license"], ascending=[False, True], kind="stable")
    if licenses.empty:
        return
    images, full = licenses["images"].sum(), licenses["full"].sum()
    if full < images:
        lacking = f"{whole(images - full)} of {whole(images)} images ({percent((images - full) / images)})"
        yield Remark(f"{lacking} lack a licence that says which, a source, or a title.", is_warning=True)
    else:
        yield Remark(f"All {whole(images)} images have a licence, a source and a title.")
    licenses = licenses.assign(license=licenses["license"].replace("", NONE))
    yield _licenses(licenses)
    fields = tables["attribution"]
    if fields["of"].sum():
        yield _attribution(fields)
    if len(licenses) > MOST_BARS:
        yield listing("Licences", "licenses", {name: licenses[name] for name in ("license", "images", "full")})


def _licenses(licenses: pd.DataFrame) -> Drawing:
    title = "Licences of the images"
    shown = licenses.head(MOST_BARS)
    parts = {
        "with source and title": (shown["full"].tolist(), BLUE),
        "without, or unclear": ((shown["images"] - shown["full"]).tolist(), QUIET),
    }
    figure = stacked_bars(shown["license"].tolist(), parts, title, "Images")
    more = f" {len(licenses) - len(shown):,} rarer ones are only in the table." if len(licenses) > len(shown) else ""
    caption = f"The most common first.{more} Licences are named as SPDX does, where it is clear which are meant."
    return Drawing("licenses", title, caption, figure, licenses)


def _attribution(fields: pd.DataFrame) -> Drawing:
    title = "What is known for a credit"
    names = [FIELDS.get(field, field) for field in fields["field"]]
    shares = (100 * fields["images"] / fields["of"].clip(lower=1)).tolist()
    figure = bars(names, shares, title, "Images that have it (%)")
    figure.axes[0].set_xlim(0, 104)
    figure.axes[0].xaxis.set_major_locator(MaxNLocator(5))
    caption = f"Of {whole(fields['of'].max())} images. A full credit names all of these."
    return Drawing("attribution", title, caption, figure, fields)
