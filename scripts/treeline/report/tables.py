"""The tables of a report, and their files.

    reports/tables/<table>.parquet   every table, also one without rows
    reports/tables/<table>.csv       the same, without columns of bytes

Servers are host[:port]. A row of each table is:

- `flow`: an arrow: `rows` that went from the node `source` to the node `target`, in the order to draw; `stage` moved
  them. `kind` is `kept`, `lost`, or `waiting` (not done yet). The flow has parts, each of which adds up by itself, as
  what goes into a node comes out of it unless it ends there: `images` (from the rows of the input to what the detector
  saw), `lookup` (from the images to those that are in a group), `groups` (from the images of each group, as one may be
  in several, to those that were extracted), `datasets` (from each dataset's samples to its splits), `analysis` (to
  those that are analysed), `models` (from splits to the runs that are evaluated on them). What is made of crops is in
  parts of its own, `images, cropped` and `lookup, cropped`: an image may have several.
- `servers`: a server: `rows` of its batches, `images` and `errors` of its finished shards, rows that are `not_done`;
  `ignored` (1: it is not to be asked); `requests` that were sent, `bytes` that came; `seconds` in which it was asked
  (whole seconds with a request or more), `images_per_second` over these; `rate_limit` of its profile and
  `learned_rate`, the pace of its last request, both in requests a second (NaN: not known).
- `rates`: a stretch of time: a server's (the 20 with the most requests), or all servers' together (`server` is empty).
  `time` at which it begins (seconds since 1970, UTC), its length in `seconds`; requests, images and bytes a second;
  `rate_limit`: the mean pace that the limiter allowed (requests a second; NaN: of all servers, or without requests).
- `politeness`: a server that was asked, or of which images failed: `rate_limit` in requests a second (that of its
  profile, or the default); `requests`; the most in any second and in any 10 seconds, wherever these begin, and what the
  limit allows in these; `share` of that which was used at most; `held` (1: never more than allowed, 0: once or more,
  -1: no requests); `refused_by_robots` and `refused_by_opt_out`: images that were not taken as their owners ask for it;
  `slow_downs`: answers 429 and 503; `parked`: images that were left as the server had stopped to answer.
- `errors`: a group of images that failed alike: server, code, message (`treeline errors` explains it), how many, the
  URL of one, what it means and what to do.
- `formats`: a format of images: `image` is `original` (by the ending of the URL; empty: it has none) or `stored` (by
  `image_format`), how many, and the bytes that they take in the shards (-1: not known).
- `sizes`: a bin of a distribution, `bin_low` <= value < `bin_high`: `image` `original` or `stored`; `quantity` is
  `width`, `height` (pixels), `megapixels`, or, of all bodies that came, `bytes`. Bins are a quarter of an octave wide.
- `licenses`: a licence (empty: none is given), and how much that says (`treeline.io.licenses`: `full`, `partial`,
  `none`, `unknown`, `missing`): how many images have it; `full`: how many of these have a source and a title, too.
- `attribution`: a field (`creator`, `license`, `source`, `title`, `url`): how many of the images have it.
- `duplicates`: a kind of sameness (`original`, `stored`: the same bytes of the image as served or as kept; `near`: what
  a tool found): `groups` of two images or more, `images` in them.
- `detections`: a bin of the confidence of a category: its boxes, and the images whose best box of the category it is.
- `gallery`: an image to show: a small `picture` (JPEG), its size in pixels, where it is from, and its `boxes` as JSON:
  `[{"category", "confidence", "box": [x, y, width, height]}]`, relative to the image.
- `catalog`: rows of a table (`kind` is `table`), or images of a data set (`dataset`) of the catalogue.
- `datasets`: a split of a dataset: samples, and how many pairs it shares with another split (`leaks`; -1: not known).
- `models`: a number of a run: `metric`, `value`.
- `rules`: a rule: jobs that were measured; their `seconds` in sum, median and maximum; `cpu_seconds` in sum;
  `memory_mib`, the largest peak; what a job may have: `asked_memory_mib`, `asked_minutes`, `asked_threads` (-1: not
  known); shares that were used at most of the memory and of the time, and on average of the threads (NaN: not known);
  `source` is `log` (the last line of a command's log), `benchmark` (Snakemake's files) or `slurm` (its accounting).
- `disk`: what a stage has on the disk: files, bytes.
- `provenance`: a fact about where this comes from: `key`, `value`.
- `summary`: a number for the top of the page: `key`, `value`, `unit` (empty: a count or a ratio).

Text that is missing is empty; a real number that is missing is NaN.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from treeline.io import table_sets
from treeline.io.atomic import atomic_folder
from treeline.io.table_sets import Columns, Tables, columns_of

COLUMNS: dict[str, Columns] = {
    "flow": columns_of("part stage source target kind", "rows"),
    "servers": columns_of(
        "server",
        "rows images errors not_done ignored requests bytes seconds",
        "images_per_second rate_limit learned_rate",
    ),
    "rates": columns_of(
        "server", real="time seconds requests_per_second images_per_second bytes_per_second rate_limit"
    ),
    "politeness": columns_of(
        "server",
        "requests most_in_1_second allowed_in_1_second most_in_10_seconds allowed_in_10_seconds held "
        "refused_by_robots refused_by_opt_out slow_downs parked",
        "rate_limit share",
    ),
    "errors": columns_of("server message example meaning advice", "code images"),
    "formats": columns_of("image format", "images bytes"),
    "sizes": columns_of("image quantity", "images", "bin_low bin_high"),
    "licenses": columns_of("license status", "images full"),
    "attribution": columns_of("field", "images of"),
    "duplicates": columns_of("kind", "groups images"),
    "detections": columns_of("category", "boxes images", "confidence_low confidence_high"),
    "gallery": columns_of("uuid server license title url boxes", "width height", raw="picture"),
    "catalog": columns_of("kind name", "rows"),
    "datasets": columns_of("dataset split", "samples leaks"),
    "models": columns_of("run dataset metric", real="value"),
    "rules": columns_of(
        "rule source",
        "jobs asked_memory_mib asked_minutes asked_threads",
        "seconds seconds_median seconds_max cpu_seconds memory_mib memory_share time_share threads_share",
    ),
    "disk": columns_of("stage", "files bytes"),
    "provenance": columns_of("key value"),
    "summary": columns_of("key unit", real="value"),
}
"""Type of each column of each table."""


def make_table(name: str, rows: pd.DataFrame | list[dict[str, object]]) -> pd.DataFrame:
    """Give rows the columns of a table, in order and type.

    Raises:
        KeyError: The rows lack a column.
    """
    return table_sets.make_table(COLUMNS[name], rows)


def write_tables(tables: Tables, folder: Path) -> None:
    """Write a report's tables as a folder, as a whole; the same bytes for the same tables.

    Args:
        tables: By name; one that is not there has no rows.
        folder: `reports/tables`.
    """
    made = {name: make_table(name, tables.get(name, [])).reset_index(drop=True) for name in COLUMNS}
    with atomic_folder(folder) as temporary:
        table_sets.write_parquet(made, temporary)
        for name, table in made.items():
            text = [column for column, kind in COLUMNS[name].items() if kind != "bytes"]
            table.to_csv(temporary / f"{name}.csv", columns=text, index=False, lineterminator="\n")


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Read a report's tables.

    Args:
        folder: `reports/tables`.

    Raises:
        InputError: The folder holds no tables of a report, or not all of them.
    """
    return table_sets.read_parquet(folder, COLUMNS, origin="a report", command="treeline report measure")
