"""What a report says besides its figures: facts, advice, splits, images that stand out, and where all of it is from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd

from treeline import __version__
from treeline.analyze.tables import HDF5_FILE, REASONS, RECOMMENDATIONS_FILE
from treeline.errors import InputError
from treeline.io.figures.drawing import Listing
from treeline.io.figures.page import Gallery, Shown, number, size, whole
from treeline.io.parquet import sha256_of_file
from treeline.io.table_sets import Tables

MOST_OF_A_REASON = 8
"""Images that are shown."""

STATISTICS = ("min", "p5", "median", "p95", "max")
REASON_TITLES = {
    "unreadable": "Unreadable",
    "black": "Black",
    "white": "White",
    "blurred": "Blurred",
    "tiny": "Tiny",
    "odd_aspect": "Of an odd shape",
    "duplicated": "Duplicated",
}
VALUES = {
    "black": "brightness",
    "white": "brightness",
    "blurred": "sharpness",
    "tiny": "pixels of the shorter side",
    "odd_aspect": "longer / shorter side",
    "duplicated": "the same as image",
}
"""What the value is that gives an image away."""

EXTREMES = {
    ("brightness", "lowest"): "Darkest",
    ("brightness", "highest"): "Brightest",
    ("sharpness", "lowest"): "Least sharp",
    ("sharpness", "highest"): "Sharpest",
}


def read_advice(file: Path) -> list[tuple[str, dict[str, Any], Listing | None]]:
    """Read the recommendations: each with its title, and its values as a table where they are many.

    Raises:
        InputError: The file is not there, or holds something else.
    """
    try:
        return [(key.replace("_", " ").capitalize(), piece, _table_of(key, piece)) for key, piece in _read(file)]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(file, "holds no recommendations.", fix="Measure the dataset anew.") from None


def read_leakage(file: Path) -> dict[str, Any]:
    """Read what is in the splits, and what they share.

    Raises:
        InputError: The file is not there, or holds something else.
    """
    content = dict(_read(file))
    if missing := {"kind", "splits", "leaks", "warnings"} - content.keys():
        raise InputError(file, f"does not say {', '.join(sorted(missing))}.", fix="Divide the dataset anew.")
    return content


def _read(file: Path) -> Iterable[tuple[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(file, f"cannot be read: {error}.", fix="Make it anew.") from None
    if not isinstance(content, dict):
        raise InputError(file, "is no JSON object.", fix="Make it anew.")
    return content.items()


def facts(summary: dict[str, float]) -> dict[str, str]:
    """What stands at the head of the page, by its name."""
    found = {
        "Samples": whole(summary["samples"]),
        "Unreadable": whole(summary.get("unreadable", 0)),
        "Channels": whole(summary.get("channels", math.nan)),
        "Width x height, median": (
            f"{number(summary.get('width_median', math.nan))} x {number(summary.get('height_median', math.nan))} pixels"
        ),
        "Files": size(summary.get("file_bytes_total", math.nan)),
        "Decoded": size(summary.get("memory_bytes_total", math.nan)),
        "Most common class / rarest": number(summary.get("imbalance", math.nan)),
        "Images that stand out": whole(sum(summary.get(f"suspicious_{reason}", 0) for reason in REASONS)),
    }
    return {name: value for name, value in found.items() if "–" not in value}


def quantities(tables: Tables) -> Listing:
    """How the quantities of the images are distributed: a row each."""
    rows = tables["summary"]
    values = dict(zip(rows["key"], rows["value"], strict=True))
    units = dict(zip(rows["key"], rows["unit"], strict=True))
    names = [key.removesuffix("_median") for key in rows["key"] if key.endswith("_median")]
    listed = [
        {"quantity": name.replace("_", " "), "unit": units[f"{name}_median"]}
        | {statistic: values.get(f"{name}_{statistic}", math.nan) for statistic in STATISTICS}
        for name in names
    ]
    return Listing("Quantities of the images", pd.DataFrame(listed))


def _table_of(key: str, piece: dict[str, Any]) -> Listing | None:
    value, basis = piece["value"], piece["basis"]
    if not value or not piece["reason"]:
        return None
    if key == "normalisation":
        names = value.get("channels") or [str(place) for place in range(1, len(value["mean"]) + 1)]
        return Listing("", pd.DataFrame({"channel": names, "mean": value["mean"], "std": value["std"]}, dtype=object))
    if key == "class_weights":
        return Listing("", pd.DataFrame({"class": list(value), "weight": list(value.values())}))
    if key == "suspicious":
        counts = {REASON_TITLES[reason]: basis.get(reason, len(ids)) for reason, ids in value.items()}
        return Listing("", pd.DataFrame({"reason": list(counts), "images": list(counts.values())}))
    return None


def split_tables(leakage: dict[str, Any]) -> Iterator[Listing]:
    """What is in the splits, and what they share, as `leakage.json` says."""
    rows = [
        {"split": name, "samples": part["samples"], "share": part["share"], "wanted": part.get("wanted", math.nan)}
        | {f"values of {group}": count for group, count in part.get("groups", {}).items()}
        for name, part in leakage["splits"].items()
    ]
    yield Listing("Samples of the splits", pd.DataFrame(rows))
    leaks = {"shared": [name.replace("_", " ") for name in leakage["leaks"]], "pairs": list(leakage["leaks"].values())}
    yield Listing("Leaks: pairs of samples across splits", pd.DataFrame(leaks))


def suspicious_galleries(tables: Tables) -> list[Gallery]:
    """Images that are suspicious, by reason."""
    rows = tables["suspicious"]
    summary = dict(zip(tables["summary"]["key"], tables["summary"]["value"], strict=True))
    galleries = []
    for reason in REASONS:
        part = rows[rows["reason"] == reason]
        if len(part):
            images = _shown(part, f"{VALUES[reason]}: " if reason in VALUES else None)
            total = int(summary.get(f"suspicious_{reason}", len(part)))
            galleries.append(Gallery(REASON_TITLES[reason], total, images))
    return galleries


def extreme_galleries(tables: Tables) -> list[Gallery]:
    """Images at either end of brightness and sharpness."""
    rows = tables["extremes"].sort_values("rank", kind="stable")
    galleries = []
    for (kind, end), title in EXTREMES.items():
        part = rows[(rows["kind"] == kind) & (rows["end"] == end)]
        if len(part):
            images = _shown(part, f"{kind}: ")
            galleries.append(Gallery(title, len(part), images))
    return galleries


def _shown(rows: pd.DataFrame, value_of: str | None) -> list[Shown]:
    """The first images of rows, each with its value; None: it has none."""
    worst = rows.head(MOST_OF_A_REASON)
    columns = (worst[name].tolist() for name in ("id", "image_path", "value"))
    return [
        Shown(identity, path, "" if value_of is None else value_of + number(value))
        for identity, path, value in zip(*columns, strict=True)
    ]


def provenance(folder: Path, dataset: Path | None, leakage: Path | None) -> Listing:
    """Files that the report was made of, with their checksums, and the programs that made it."""
    files = [folder / HDF5_FILE, folder / RECOMMENDATIONS_FILE, *(file for file in (dataset, leakage) if file)]
    rows = [
        {"what": file.name, "which": f"SHA-256 {sha256_of_file(file)}" if file.is_file() else "a folder"}
        for file in files
    ]
    rows += [{"what": "Treeline", "which": __version__}, {"what": "Matplotlib", "which": matplotlib.__version__}]
    return Listing("Where the numbers come from", pd.DataFrame(rows))
