"""Write occurrences as a Darwin Core CSV, fit to be published on GBIF.

Terms: https://dwc.tdwg.org/terms/. One row is a kind of animal in a sequence; what is no animal is no occurrence.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from treeline.catalog.database import read_sql
from treeline.catalog.exports.lots import chosen_datasets
from treeline.catalog.exports.options import ExportOptions
from treeline.io.atomic import atomic_path
from treeline.io.database import quote_literal


def write(connection: duckdb.DuckDBPyConnection, target: Path, options: ExportOptions) -> dict[str, int]:
    """Write the occurrences of a data set, or of all.

    Times are as in the source; they have an offset only where it has. Media that are not public are not named.

    Args:
        connection: The catalogue.
        target: CSV.
        options: Which data sets.

    Returns:
        Count of `occurrences`; `without_scientific_name`: those of which the table of classes has no name, so that
        `scientificName` is the label; `without_coordinates`; `without_date`.
    """
    chosen = ", ".join(map(quote_literal, chosen_datasets(connection, options)))
    connection.execute(f"SET VARIABLE darwin_datasets = [{chosen}]")
    for file in ("macros.sql", "exports/levels.sql", "exports/darwin_core.sql"):
        connection.execute(read_sql(file))
    connection.execute("CREATE OR REPLACE TEMP TABLE darwin_occurrences AS SELECT * FROM darwin_rows")
    with atomic_path(target) as temporary:
        connection.execute(f"""
            COPY (SELECT * EXCLUDE (has_name) FROM darwin_occurrences ORDER BY occurrenceID)
            TO {quote_literal(str(temporary))} (FORMAT csv, HEADER true)
        """)
    [(occurrences, nameless, placeless, dateless)] = connection.execute("""
        SELECT count(*), count_if(NOT has_name), count_if(decimalLatitude IS NULL), count_if(eventDate IS NULL)
        FROM darwin_occurrences
    """).fetchall()
    connection.execute("DROP TABLE darwin_occurrences; DROP TABLE darwin_sightings; DROP TABLE darwin_media")
    return {
        "occurrences": occurrences,
        "without_scientific_name": nameless,
        "without_coordinates": placeless,
        "without_date": dateless,
    }
