"""Check what is staged against the rules of the catalogue, with a query a rule.

For all formats: a MegaDB file has been checked entry by entry before, with the places in its lists. What the database
itself would refuse, or what names a row to the world, holds in both modes; so do MegaDB's own rules.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from treeline.catalog.classes import EMPTY
from treeline.catalog.descriptions import check_descriptions
from treeline.catalog.item_rules import DUMMY
from treeline.catalog.places import quoted, short
from treeline.catalog.rules import FIXES, TOLERANCE
from treeline.catalog.schemas import label_pattern
from treeline.catalog.sources import Source
from treeline.catalog.violations import InvalidSourceError, Violation, Violations
from treeline.io.database import quote_literal

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 10_000

_VIEWS = """
    CREATE OR REPLACE TEMP VIEW staged_levels AS
    SELECT dataset, seq_id, file, class, datetime FROM staged_images
    UNION ALL SELECT dataset, seq_id, NULL, class, datetime FROM staged_sequences
    UNION ALL SELECT dataset, seq_id, file, class, datetime FROM staged_videos;

    CREATE OR REPLACE TEMP VIEW boxed_images AS
    SELECT item, dataset, seq_id, file FROM staged_images
    UNION ALL
    SELECT attached.item, sequence.dataset, sequence.seq_id, image.file
    FROM attached_images AS attached JOIN images AS image USING (image) JOIN sequences AS sequence USING (sequence);

    CREATE OR REPLACE TEMP VIEW other_ingests AS SELECT ingest, name FROM ingests WHERE name <> getvariable('name');
"""


@dataclass(frozen=True)
class _Check:
    """A rule and the query that finds what breaks it: dataset, seq_id, file, box, value; NULL where it has none."""

    rule: str
    query: str
    is_strict: bool = False
    severity: str = "error"


def _repeated(table: str, *columns: str) -> str:
    """SQL: the rows of a staged table that have some columns like an earlier one."""
    names = ", ".join(columns)
    return f"""(
        SELECT * FROM {table} JOIN (SELECT {names} FROM {table} GROUP BY ALL HAVING count(*) > 1) USING ({names})
        QUALIFY row_number() OVER (PARTITION BY {names}) > 1
    )"""


def _boxes(condition: str, value: str = "[x_min, y_min, width, height]") -> str:
    return f"""
        SELECT dataset, seq_id, file, box, {value}
        FROM (SELECT * FROM staged_boxes WHERE {condition}) JOIN boxed_images USING (item)
    """


_SIDES = ("x_min", "y_min", "width", "height")
_OUTSIDE = " OR ".join(f"{side} < 0 OR {side} > 1 OR isnan({side})" for side in _SIDES)
_ROOT, _UP = quote_literal(r"^([/\\]|[A-Za-z]:[/\\])"), quote_literal(r"(^|[/\\])\.\.([/\\]|$)")

_CHECKS = (
    _Check(
        "name_missing",
        "SELECT dataset, seq_id, file, NULL, NULL FROM staged_levels WHERE '' IN (dataset, seq_id, file)",
    ),
    _Check("name_missing", "SELECT dataset, NULL, NULL, NULL, NULL FROM staged_datasets WHERE dataset = ''"),
    _Check(
        "name_missing", "SELECT dataset, NULL, NULL, NULL, 'a class' FROM staged_classes WHERE '' IN (dataset, class)"
    ),
    _Check(
        "size",
        """
        SELECT dataset, seq_id, file, NULL, width || ' x ' || height FROM staged_images WHERE width <= 0 OR height <= 0
    """,
    ),
    _Check(
        "unique_seq_id",
        f"SELECT dataset, seq_id, NULL, NULL, NULL FROM {_repeated('staged_sequences', 'dataset', 'seq_id')}",
    ),
    _Check(
        "unique_seq_id",
        """
        SELECT DISTINCT dataset, seq_id, NULL, NULL, 'is there from ' || name
        FROM (SELECT dataset, seq_id FROM staged_levels)
        JOIN sequences USING (dataset, seq_id) JOIN other_ingests USING (ingest)
    """,
    ),
    _Check(
        "unique_file", f"SELECT dataset, seq_id, file, NULL, NULL FROM {_repeated('staged_images', 'dataset', 'file')}"
    ),
    _Check(
        "unique_file",
        """
        SELECT staged.dataset, staged.seq_id, staged.file, NULL, 'is there from ' || name
        FROM staged_images AS staged
        JOIN (
            SELECT dataset, file, name
            FROM images JOIN sequences USING (sequence) JOIN other_ingests ON images.ingest = other_ingests.ingest
        ) AS known USING (dataset, file)
    """,
    ),
    _Check(
        "unique_dataset_name", f"SELECT dataset, NULL, NULL, NULL, NULL FROM {_repeated('staged_datasets', 'dataset')}"
    ),
    _Check(
        "location_in_two_splits",
        f"""
        SELECT dataset, NULL, NULL, NULL, location FROM {_repeated("staged_splits", "dataset", "location")}
    """,
    ),
    _Check(
        "class_missing",
        """
        SELECT dataset, seq_id, file, NULL, NULL
        FROM staged_images AS image
        ANTI JOIN (SELECT dataset, seq_id FROM staged_sequences WHERE class IS NOT NULL) USING (dataset, seq_id)
        WHERE image.class IS NULL
    """,
    ),
    _Check(
        "frame_num_missing",
        """
        SELECT dataset, seq_id, file, NULL, NULL
        FROM (SELECT * FROM staged_images WHERE frame_num IS NULL)
        SEMI JOIN (SELECT dataset, seq_id FROM staged_images GROUP BY ALL HAVING count(*) > 1) USING (dataset, seq_id)
    """,
    ),
    _Check(
        "frame_num_repeated",
        f"""
        SELECT dataset, seq_id, file, NULL, frame_num
        FROM {_repeated("staged_images", "dataset", "seq_id", "frame_num")}
    """,
    ),
    _Check("frame_num_range", "SELECT dataset, seq_id, file, NULL, frame_num FROM staged_images WHERE frame_num < 0"),
    _Check(
        "class_label",
        f"""
        WITH bad AS (
            SELECT DISTINCT class
            FROM staged_levels
            WHERE len(class) = 0 OR len(class) <> len(list_distinct(class)) OR len(list_filter(
                class, lambda label: label IS NULL OR NOT regexp_full_match(label, {quote_literal(label_pattern())})
            )) > 0
        )
        SELECT dataset, seq_id, file, NULL, class FROM staged_levels SEMI JOIN bad USING (class)
    """,
    ),
    _Check("box_outside", _boxes(_OUTSIDE)),
    _Check("box_category", _boxes("category NOT IN ('animal', 'person', 'vehicle', 'group')", "category")),
    _Check("confidence_range", _boxes("confidence < -1 OR confidence > 1 OR isnan(confidence)", "confidence")),
    _Check(
        "box_beyond_image",
        _boxes(f"(x_min + width > 1 + {TOLERANCE} OR y_min + height > 1 + {TOLERANCE}) AND NOT ({_OUTSIDE})"),
        is_strict=True,
    ),
    _Check("box_without_size", _boxes("(width = 0 OR height = 0) AND confidence IS NULL"), is_strict=True),
    _Check("box_without_size", _boxes("(width = 0 OR height = 0) AND confidence IS NOT NULL"), True, "warning"),
    _Check(
        "empty_not_alone",
        f"""
        SELECT dataset, seq_id, file, NULL, class FROM staged_levels
        WHERE len(class) > 1 AND list_contains(class, '{EMPTY}')
        """,
        is_strict=True,
    ),
    _Check(
        "path_outside",
        f"""
        SELECT dataset, seq_id, file, NULL, NULL FROM staged_levels
        WHERE regexp_matches(file, {_ROOT}) OR regexp_matches(file, {_UP})
        """,
        is_strict=True,
    ),
    _Check(
        "dummy_of_several",
        f"""
        SELECT dataset, seq_id, NULL, NULL, count(*) || ' images' FROM staged_images
        WHERE starts_with(seq_id, '{DUMMY}') GROUP BY ALL HAVING count(*) > 1
        """,
        is_strict=True,
    ),
    _Check(
        "datetime",  # a warning: what a camera or a museum wrote cannot always be mended, and is kept as it is
        """
        SELECT dataset, seq_id, file, NULL, datetime FROM staged_levels
        WHERE datetime IS NOT NULL AND local_time(datetime) IS NULL
        """,
        True,
        "warning",
    ),
    _Check(
        "split_kept",
        """
        SELECT dataset, NULL, NULL, NULL, location || ' stays in ' || known.split
        FROM staged_splits AS staged JOIN splits AS known USING (dataset, location) WHERE staged.split <> known.split
        """,
        severity="warning",
    ),
)


def check_staged(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Refuse a source that breaks a rule; log what it should not.

    Raises:
        InvalidSourceError: A rule is broken; it holds all violations.
    """
    violations = Violations()
    connection.execute(f"SET VARIABLE name = {quote_literal(source.name)}")
    connection.execute(_VIEWS)
    for check in _CHECKS:
        if source.is_strict or not check.is_strict:
            found = connection.execute(f"SELECT * FROM ({check.query}) ORDER BY ALL")
            while rows := found.fetchmany(ROWS_AT_ONCE):
                for *place, value in rows:
                    told = "" if value is None else value if isinstance(value, str) else short(value)
                    violations.add(Violation(check.rule, _path(place), told, FIXES[check.rule], "", check.severity))
    check_descriptions(connection, source, violations)
    if violations.errors:
        raise InvalidSourceError(source.path, violations)
    if violations.warnings:
        log.warning("%s: %s", source.path, violations.summary())


def _path(place: Iterable[Any]) -> str:
    """Such as `dataset 'caltech', sequence 'x', image 'y', bbox[0]`."""
    dataset, seq_id, file, box = place
    names = (("dataset", dataset), ("sequence", seq_id), ("image", file))
    parts = [f"{level} {quoted(name)}" for level, name in names if name is not None]
    return ", ".join(parts + ([] if box is None else [f"bbox[{box}]"]))
