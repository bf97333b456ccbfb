"""Write LILA-style CSV: one row an image and label."""

from __future__ import annotations

from pathlib import Path

import duckdb

from treeline.catalog.database import read_sql
from treeline.catalog.exports.lots import chosen_datasets
from treeline.catalog.exports.options import ExportOptions
from treeline.catalog.lila import COLUMNS, TAXON
from treeline.io.atomic import atomic_path
from treeline.io.database import quote_identifier, quote_literal

CLOUD_URLS = ("url_gcp", "url_aws", "url_azure")


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: ExportOptions) -> dict[str, int]:
    """Write the images of a data set, or of all.

    Of a file in which no image has one of LILA's three URLs, the column is `url`: the image's file where that is one.

    Args:
        connection: The catalogue.
        target: CSV.
        options: Which data sets.

    Returns:
        Count of `images` and of `rows`.
    """
    connection.execute(read_sql("macros.sql"))
    connection.execute(read_sql("exports/levels.sql"))
    chosen = ", ".join(map(quote_literal, chosen_datasets(connection, options)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE lila_images AS SELECT * FROM whole_images WHERE dataset IN ({chosen})"
    )
    has_urls = " OR ".join(f"count(properties ->> '{url}') > 0" for url in CLOUD_URLS)
    [(with_urls, images)] = connection.execute(f"SELECT {has_urls}, count(*) FROM lila_images").fetchall()
    columns = COLUMNS if with_urls else tuple(dict.fromkeys("url" if name in CLOUD_URLS else name for name in COLUMNS))
    with atomic_path(target) as temporary:
        selected = ", ".join(map(quote_identifier, columns))
        written = connection.execute(f"""
            COPY (
                SELECT {selected} FROM ({_rows()}) ORDER BY dataset_name, sequence_id, frame_num, file, original_label
            ) TO {quote_literal(str(temporary))} (FORMAT csv, HEADER true)
        """).fetchall()
    connection.execute("DROP TABLE lila_images")
    return {"images": images, "rows": written[0][0]}


def _rows() -> str:
    """SQL of the rows, with all columns and `file`."""
    urls = ", ".join(f"image.properties ->> '{url}' AS {url}" for url in CLOUD_URLS)
    taxon = ", ".join(f"class.properties ->> '{name}' AS {quote_identifier(name)}" for name in TAXON)
    return f"""
        WITH labelled AS (
            SELECT
                *,
                unnest(coalesce(
                    from_json(properties -> 'original_labels', '[{{"label": "VARCHAR", "class": "VARCHAR"}}]'),
                    list_transform(
                        coalesce(class, sequence_class, ['__label_unavailable']),
                        lambda name: {{'label': name, 'class': name}}
                    )
                )) AS label
            FROM lila_images
        )
        SELECT
            image.dataset AS dataset_name,
            {urls},
            coalesce(image.properties ->> 'url', CASE WHEN file LIKE '%://%' THEN file END) AS url,
            coalesce(image.properties ->> 'image_id', uuid, file) AS image_id,
            CASE WHEN NOT starts_with(seq_id, 'dummy_') THEN seq_id END AS sequence_id,
            location AS location_id,
            coalesce(frame_num, -1) AS frame_num,
            label.label AS original_label,
            {taxon},
            datetime,
            coalesce(
                image.properties ->> 'annotation_level',
                CASE
                    WHEN image.class IS NOT NULL THEN 'image'
                    WHEN sequence_class IS NOT NULL THEN 'sequence'
                    ELSE 'unknown'
                END
            ) AS annotation_level,
            file
        FROM labelled AS image
        LEFT JOIN classes AS class ON class.dataset = image.dataset AND class.class = image.label.class
    """
