"""The card of a dataset (https://huggingface.co/docs/hub/datasets-cards): what is in it, whose, and how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import yaml

from treeline import __version__
from treeline.catalog.training.choice import SPLITS, reasons
from treeline.io.licenses import normalise
from treeline.io.parquet import sha256_of_file

MOST_CLASSES = 100
HUB_LICENSES = frozenset(
    ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0")
    + ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0")
)
"""SPDX identifiers of licences that the Hub knows, in lower case, as it calls them."""

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
LARGEST = "10M<n<100M"

KEPT = "CREATE OR REPLACE TEMP VIEW kept AS SELECT * FROM training_images WHERE dropped IS NULL"
BY_SPLIT = """
    SELECT
        split, count(*), count(DISTINCT (family, location)) FILTER (location IS NOT NULL),
        count(boxes), count_if(annotated AND boxes IS NULL), coalesce(sum(boxes), 0)::BIGINT
    FROM kept LEFT JOIN (SELECT id, count(*) AS boxes FROM training_boxes GROUP BY id) USING (id)
    GROUP BY split ORDER BY list_position(['train', 'val', 'test'], split)
"""
BY_DATASET = """
    SELECT
        dataset, count(*),
        coalesce(string_agg(DISTINCT license, ', ' ORDER BY license), 'not given'),
        coalesce(string_agg(DISTINCT rights_holder, ', ' ORDER BY rights_holder), 'not given'),
        coalesce(any_value(array_to_string(datasets.access, ', ')), 'not given')
    FROM kept JOIN datasets USING (dataset)
    GROUP BY dataset ORDER BY dataset
"""
BY_CLASS = "SELECT unnest(labels) AS class, count(*) AS images FROM kept GROUP BY class ORDER BY images DESC, class"
BY_INGEST = """
    SELECT name, format, ingests.images, ingests.sha256
    FROM ingests
    WHERE ingest IN (SELECT ingest FROM images JOIN kept USING (image))
    ORDER BY name
"""


def write_card(connection: duckdb.DuckDBPyConnection, folder: Path, title: str, lookup: Path | None) -> None:
    """Write `README.md`.

    Args:
        connection: With `training_images` and `training_boxes` of `training/choice.sql`.
        folder: Of the dataset.
        title: Its name.
        lookup: The query's result that the images were chosen by.
    """
    connection.execute(KEPT)
    classes = connection.execute(BY_CLASS).fetchall()
    asked_by = f"`{lookup.name}` (SHA-256 `{sha256_of_file(lookup)}`)" if lookup else "all images of the catalogue"
    left_out = reasons(connection)
    parts = [
        f"---\n{yaml.safe_dump(_front_matter(connection, title), sort_keys=False, allow_unicode=True)}---\n",
        f"# {title}\n",
        "Images with the boxes and classes that are known of them, from a catalogue of camera traps and the like.\n",
        "## What is in it\n",
        _table(
            ("split", "images", "locations", "with boxes", "looked at, no boxes", "boxes"),
            connection.execute(BY_SPLIT).fetchall(),
        ),
        "No location is in two splits. Boxes are `[x_min, y_min, width, height]` as shares of the upright image.\n"
        "`objects` is null where nobody looked for boxes, and empty where somebody did and found none.\n"
        "`confidence` is null for boxes that a person drew. `class` is as the providers gave it: there is no common\n"
        "taxonomy.\n",
        "## Sources and licences\n",
        _table(
            ("data set", "images", "licences", "rights holders", "access"), connection.execute(BY_DATASET).fetchall()
        ),
        "Each image has its own `license` and `rights_holder`; the licence of an image is what counts.\n",
        "## Classes\n",
        _table(("class", "images"), classes[:MOST_CLASSES]),
        f"The {MOST_CLASSES} most frequent of {len(classes)}.\n" if len(classes) > MOST_CLASSES else "",
        "## How it was made\n",
        f"With Treeline {__version__}, of {asked_by}. The catalogue had these images from:\n",
        _table(
            ("ingest", "format", "images", "SHA-256 of source and options"), connection.execute(BY_INGEST).fetchall()
        ),
        "Left out (`dropped.csv` names them):\n" if left_out else "Nothing that was asked for is left out.\n",
        _table(("reason", "images"), left_out.items()) if left_out else "",
    ]
    (folder / "README.md").write_text("\n".join(part for part in parts if part), encoding="utf-8")


def _front_matter(connection: duckdb.DuckDBPyConnection, title: str) -> dict[str, object]:
    licenses = connection.execute("SELECT DISTINCT license FROM kept ORDER BY license").fetchall()
    names = {normalise(text).spdx_id for (text,) in licenses}
    common = names.pop() if len(names) == 1 else None
    terms = {"license": "other", "license_name": "one-for-each-image"}
    if common in HUB_LICENSES:
        terms = {"license": common.lower()}
    [(images,)] = connection.execute("SELECT count(*) FROM kept").fetchall()
    there = {split for (split,) in connection.execute("SELECT DISTINCT split FROM kept").fetchall()}
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in SPLITS if split in there]
    return {
        "pretty_name": title,
        **terms,
        "task_categories": ["object-detection", "image-classification"],
        "tags": ["camera-traps", "biology"],
        "size_categories": [next((name for most, name in SIZES if images < most), LARGEST)],
        "configs": [{"config_name": "default", "data_files": files}],
    }


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return text.replace("|", "\\|").replace("<", "&lt;")
