"""Analyses that are hard to draw: too many classes, only one, long names, one place, one day, values far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.analyses import make_analysis
from treeline.analyze.tables import write_tables

GENERA = ("Cercopithecus", "Procyon", "Sus", "Capreolus", "Myrmecophaga", "Vulpes")
EPITHETS = ("lotor", "scrofa", "vulpes", "tridactyla", "roloway", "capreolus", "nictitans stampflii", "$x$ <b> & 鹿")


def make_crowded(folder: Path, classes: int = 60) -> dict[str, pd.DataFrame]:
    """Write an analysis of many classes with long names, whose sizes are far apart; bands are many, too."""
    random = np.random.default_rng(2)
    tables = make_analysis(folder, is_raster=True)
    names = [f"{GENERA[n % 6]} {EPITHETS[n % 8]} {n}" for n in range(classes)]
    samples = np.maximum(1, 200_000 / (1 + np.arange(classes)) ** 1.8).astype(int)
    split = pd.DataFrame({"split": ["train", "val", "test"], "part": [0.8, 0.1, 0.1]})
    counted = pd.DataFrame({"label": names, "all": samples}).merge(split, how="cross")
    counted["samples"] = np.ceil(counted["all"] * counted["part"]).astype(int)
    counted["share"] = counted["samples"] / counted.groupby("split")["samples"].transform("sum")
    tables["classes"] = counted.assign(boxes=counted["samples"] * 2, pixels=counted["samples"] * 1000)
    pairs = pd.DataFrame({"first": names}).merge(pd.DataFrame({"second": names}), how="cross")
    pairs = pairs[pairs["first"].map(names.index) < pairs["second"].map(names.index)]
    tables["cooccurrence"] = pairs.assign(
        count=random.integers(1, 10_000, len(pairs)), lift=2.0 ** random.normal(0, 2, len(pairs))
    )
    areas = tables["boxes"][tables["boxes"]["kind"] == "area"].query("label == 'deer'")
    others = pd.concat([areas.assign(label=name, count=random.integers(1, 99, len(areas))) for name in names])
    tables["boxes"] = pd.concat([tables["boxes"][tables["boxes"]["kind"] != "area"], others])
    bands = [f"B{n:02}_reflectance" for n in range(60)]
    tables["channels"] = pd.concat([tables["channels"].iloc[:1].assign(channel=n, name=b) for n, b in enumerate(bands)])
    tables["correlations"] = pd.DataFrame(
        [
            {"kind": kind, "first": one, "second": other, "value": random.uniform(-1, 1)}
            for kind in ("pearson", "mutual_information")
            for place, one in enumerate(bands)
            for other in bands[place + 1 :]
        ]
    )
    histograms = tables["histograms"]
    spiked = histograms[histograms["channel"] == "B02"].reset_index(drop=True)
    spiked.loc[0, "count"] = 10**6
    others = [spiked.assign(channel=band) for band in bands]
    tables["histograms"] = pd.concat([histograms[histograms["space"] != "channels"], *others])
    sides = np.exp(random.normal(7, 1.2, (4000, 2))).astype(int) + 1
    many = pd.DataFrame(sides, columns=["image_width", "image_height"]).drop_duplicates()
    tables["dimensions"] = many.assign(
        count=random.integers(1, 5000, len(many)),
        aspect=many["image_width"] / many["image_height"],
        megapixels=many.prod(axis=1) / 1e6,
        file_bytes=np.nan,
        memory_bytes=1,
    )
    variogram = tables["variogram"]
    tables["variogram"] = pd.concat([variogram[variogram["band"] == "B02"].assign(band=band) for band in bands])
    tables["anomalies"]["score"] = 10.0 ** random.uniform(0, 6, len(tables["anomalies"]))
    crs = ["EPSG:4326", "EPSG:32633", "EPSG:2263", "no system"]
    at = {"EPSG:4326": (-179.9, 89), "EPSG:32633": (4e5, 5.5e6), "EPSG:2263": (98e4, 19e4), "no system": (0, 0)}
    tables["places"] = pd.DataFrame(
        [
            {"crs": name, "x": at[name][0] + random.normal(0, 3), "y": at[name][1] + random.uniform(-1, 1), "count": n}
            for name in crs
            for n in (1, 10, 10_000)
        ]
    )
    days = pd.date_range("2009-03-01", periods=3000, freq="D").strftime("%Y-%m-%d")
    dates = pd.DataFrame({"value": days, "samples": random.integers(1, 10**5, len(days)), "brightness": 90.0})
    times = tables["times"]
    tables["times"] = pd.concat([times[times["period"] != "date"], dates.assign(period="date")])
    write_tables(tables, folder)
    return tables


def make_bare(folder: Path) -> dict[str, pd.DataFrame]:
    """Write an analysis of one sample of one class: one size, one place, one day, one band, one level."""
    tables = make_analysis(folder)
    tables["summary"] = pd.DataFrame(
        {"key": ["samples", "width_median"], "value": [1.0, 640.0], "unit": ["", "pixels"]}
    )
    tables["classes"] = tables["classes"].iloc[:1].assign(split="", samples=1, boxes=1)
    tables["dimensions"] = tables["dimensions"].iloc[:1].assign(count=1)
    tables["channels"] = (
        tables["channels"]
        .iloc[:1]
        .assign(
            name="grey",
            variance=0.0,
            skewness=np.nan,
            kurtosis=np.nan,
            **dict.fromkeys(("p1", "p5", "p95", "p99"), 7.0),
        )
    )
    tables["correlations"] = tables["correlations"].iloc[:0]
    histogram = tables["histograms"][tables["histograms"]["channel"] == "brightness"]
    one = histogram.assign(count=(histogram["bin_low"] == 7).astype(int))
    size = {"space": "images", "channel": "file_bytes", "bin_low": 1000.0, "bin_high": 1090.5, "count": 1}
    tables["histograms"] = pd.concat([one, one.assign(space="channels", channel="grey"), pd.DataFrame([size])])
    tables["texture"] = tables["texture"].iloc[:1]
    tables["components"] = tables["components"].iloc[:0]
    tables["cooccurrence"] = tables["cooccurrence"].iloc[:0]
    tables["boxes"] = tables["boxes"].groupby("kind").head(1)
    tables["times"] = tables["times"].groupby("period").head(1)
    tables["places"] = tables["places"].iloc[:1]
    tables["suspicious"] = tables["suspicious"].iloc[:0]
    tables["extremes"] = tables["extremes"].groupby(["kind", "end"]).head(1)
    write_tables(tables, folder)
    return tables
