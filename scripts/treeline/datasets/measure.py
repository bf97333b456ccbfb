"""Measure all samples, in one pass over their bytes: the tables `spatial`, `spectral`, `temporal` and `additional`.

What is kept of a sample is some hundred bytes in arrays that are as long as the dataset; images are forgotten as soon
as they are measured.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd

from treeline.datasets.measure_sample import Expected, Findings, measure_sample
from treeline.io.ahead import map_ahead
from treeline.io.datasets.metadata import ID, SPECTRAL, Metadata
from treeline.io.datasets.samples import read_samples

MISSING = "there is no such file"
AHEAD_PER_THREAD = 2
EDGE_PIXELS = 1.0
"""Boxes are rounded: so far one may reach beyond its image."""

_TEXTS = ("sha256", "format", "pdq", "crs", "problem")
_NUMBERS = ("x_offset", "y_offset", "x_gsd", "y_gsd")
_COUNTS = ("file_bytes", "pdq_quality", "image_width", "image_height")


def measure(metadata: Metadata, *, threads: int = 1) -> Metadata:
    """Measure every sample.

    Args:
        metadata: Of a source, or of a step that has made new images.
        threads: Images that are decoded at once.

    Returns:
        The same with `sha256` in the index and all that was measured. `problem` in `additional` is empty, or says why a
        sample cannot be used: it is not there, cannot be read, or has a mask or a box that does not fit.

    Raises:
        ShardError: An archive is damaged.
    """
    columns = _Columns(metadata)
    expected = Expected(len(metadata.channels), len(metadata.class_names))
    position = {id: place for place, id in enumerate(metadata.index[ID].tolist())}
    with ThreadPoolExecutor(threads) as pool:
        samples = read_samples(metadata, skip_missing=True)
        measured = map_ahead(pool, partial(measure_sample, expected=expected), samples, threads * AHEAD_PER_THREAD)
        for sample, findings in measured:
            columns.put(position[sample.id], findings)
    return _check_boxes(columns.tables())


class _Columns:
    """The columns of all tables while they fill, in the order of the index."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        size = len(metadata)
        self.texts = {name: np.full(size, "", object) for name in _TEXTS}
        self.texts["problem"][:] = MISSING
        self.numbers = {name: np.full(size, np.nan) for name in _NUMBERS}
        self.counts = {name: np.zeros(size, np.int64) for name in _COUNTS}
        self.times: dict[int, str] = {}
        self.statistics = np.full((size, len(metadata.channels), len(SPECTRAL)), np.nan)

    def put(self, place: int, findings: Findings) -> None:
        """Put in what a sample says."""
        self.texts["sha256"][place] = findings.sha256
        self.texts["format"][place] = findings.format
        self.counts["file_bytes"][place] = findings.file_bytes
        if findings.time is not None:
            self.times[place] = findings.time
        if isinstance(findings.measured, str):
            self.texts["problem"][place] = findings.measured
            return
        measured = findings.measured
        self.texts["problem"][place] = ""
        self.texts["pdq"][place] = measured.pdq
        self.texts["crs"][place] = measured.ground[0]
        for name, value in zip(_NUMBERS, measured.ground[1:], strict=True):
            self.numbers[name][place] = value
        for name, count in zip(_COUNTS[1:], (measured.quality, measured.width, measured.height), strict=True):
            self.counts[name][place] = count
        self.statistics[place] = measured.statistics

    def tables(self) -> Metadata:
        """The metadata with the tables that these columns make."""
        ids = self.metadata.index[[ID]].reset_index(drop=True)
        spatial = ids.assign(
            image_width=self.counts["image_width"],
            image_height=self.counts["image_height"],
            crs=self.texts["crs"],
            **self.numbers,
        )
        measured = ("format", "file_bytes", "pdq", "pdq_quality", "problem")
        kept = self.metadata.tables["additional"].drop(columns=[*measured, ID], errors="ignore")
        additional = ids.assign(**{name: {**self.texts, **self.counts}[name] for name in measured})
        return self.metadata.with_tables(
            index=self.metadata.index.assign(sha256=self.texts["sha256"]),
            spatial=spatial,
            spectral=self._spectral(),
            temporal=ids.assign(time_of_capture=self._times()),
            additional=pd.concat([additional, kept.reset_index(drop=True)], axis=1),
        )

    def _spectral(self) -> pd.DataFrame:
        channels = self.metadata.channels
        samples = len(self.metadata)
        keys = {
            ID: np.repeat(self.metadata.index[ID].to_numpy(), len(channels)),
            "channel": np.tile(np.arange(len(channels)), samples),
            "name": np.tile(np.array(channels, object), samples),
        }
        rows = self.statistics.reshape(-1, len(SPECTRAL))
        return pd.DataFrame({**keys, **{name: rows[:, place] for place, name in enumerate(SPECTRAL)}})

    def _times(self) -> pd.Series[pd.Timestamp]:
        """Those of the source, else those of EXIF; one that is no time, such as a clock that was never set, is none."""
        given = self.metadata.tables["temporal"]["time_of_capture"].reset_index(drop=True)
        exif = pd.Series(self.times, dtype=object).reindex(given.index)
        return given.fillna(pd.to_datetime(exif, format="%Y:%m:%d %H:%M:%S", errors="coerce").astype(given.dtype))


def _check_boxes(metadata: Metadata) -> Metadata:
    """Have boxes end at their image's edge; one that lies beyond it, or has no size, is its sample's problem."""
    if "boxes" not in metadata.tables:
        return metadata
    boxes = metadata.tables["boxes"]
    sizes = boxes[[ID]].merge(metadata.tables["spatial"][[ID, "image_width", "image_height"]], on=ID, how="left")
    left, top = boxes["x"], boxes["y"]
    right, bottom = left + boxes["width"], top + boxes["height"]
    width, height = sizes["image_width"], sizes["image_height"]
    fits = (left >= -EDGE_PIXELS) & (top >= -EDGE_PIXELS) & (right <= width + EDGE_PIXELS)
    fits &= (bottom <= height + EDGE_PIXELS) & (boxes["width"] > 0) & (boxes["height"] > 0)
    additional = metadata.tables["additional"].copy()
    wrong = boxes[~fits & (width > 0)].drop_duplicates(ID)
    problems = {
        box.id: f"its box {box.number} ({box.x:g}, {box.y:g}, {box.width:g} x {box.height:g}) does not lie in the image"
        for box in wrong.itertuples()
    }
    found = additional[ID].map(problems)
    additional["problem"] = additional["problem"].where(found.isna() | (additional["problem"] != ""), found)
    clipped = boxes.assign(x=left.clip(0, width), y=top.clip(0, height))
    clipped["width"], clipped["height"] = right.clip(0, width) - clipped["x"], bottom.clip(0, height) - clipped["y"]
    return metadata.with_tables(boxes=clipped.where(fits, boxes), additional=additional)
