"""What was made of the images: the catalogue, datasets, models."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from treeline.io.figures.drawing import MOST_LABELS, Drawing, Listing, Remark, stacked_bars
from treeline.io.figures.page import number, whole
from treeline.io.figures.style import SERIES
from treeline.io.table_sets import Tables
from treeline.report.figures.listings import Columns, known, listing

SPLITS = ("train", "val", "test")
KINDS = {"table": "rows of the table", "source": "images of the source"}


def draw_catalog(tables: Tables) -> Iterator[Listing]:
    """List what is in the catalogue."""
    rows = tables["catalog"]
    if not rows.empty:
        columns: Columns = {
            "what": [f"{KINDS.get(kind, kind)} {name}" for kind, name in zip(rows["kind"], rows["name"], strict=True)],
            "number": rows["rows"],
        }
        yield listing("In the catalogue", "catalog", columns)


def draw_datasets(tables: Tables) -> Iterator[Drawing | Listing | Remark]:
    """Draw the samples of each split, and say whether any are shared."""
    rows = tables["datasets"]
    if rows.empty:
        return
    leaking = rows.loc[rows["leaks"] > 0]
    if leaking.empty:
        checked = rows.loc[rows["leaks"] >= 0, "dataset"].nunique()
        if checked:
            yield Remark(f"No sample is shared across the splits of {_counted(checked, 'dataset')}.")
    else:
        names = ", ".join(dict.fromkeys(leaking["dataset"]))
        yield Remark(f"What is tested on is known from training, in {names}.", is_warning=True)
    yield _samples(rows)
    yield listing(
        "Datasets",
        "datasets",
        {
            "dataset": rows["dataset"],
            "split": [split or "all" for split in rows["split"]],
            "samples": rows["samples"],
            "pairs shared with another split": known(rows["leaks"].tolist()),
        },
    )


def draw_models(tables: Tables) -> Iterator[Listing]:
    """List each run with its numbers."""
    rows = tables["models"]
    if rows.empty:
        return
    values = rows.pivot_table(index=["run", "dataset"], columns="metric", values="value", aggfunc="first", sort=False)
    shown = values.reset_index()
    yield listing("Runs", "models", {str(name).replace("_", " "): shown[name] for name in shown.columns})


def _samples(rows: pd.DataFrame) -> Drawing:
    title = "Samples of the datasets"
    names = list(dict.fromkeys(rows["dataset"]))[:MOST_LABELS]
    sums = rows.groupby(["dataset", "split"])["samples"].sum()
    splits = sorted(set(rows["split"]), key=lambda split: (SPLITS.index(split) if split in SPLITS else 3, split))
    parts = {
        split or "all": ([int(sums.get((name, split), 0)) for name in names], SERIES[place % len(SERIES)])
        for place, split in enumerate(splits)
    }
    figure = stacked_bars(names, parts, title, "Samples")
    caption = f"{whole(rows['samples'].sum())} samples of {_counted(rows['dataset'].nunique(), 'dataset')}."
    return Drawing("datasets", title, caption, figure, rows)


def _counted(count: int, what: str) -> str:
    return f"{number(count)} {what}{'s' if count != 1 else ''}"
