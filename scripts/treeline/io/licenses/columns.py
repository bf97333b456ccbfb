"""Licences as columns of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treeline.io.licenses.license import License
from treeline.io.licenses.normalise import normalise

if TYPE_CHECKING:
    import duckdb

LICENSE_COLUMNS = {
    "license_name": "VARCHAR",
    "license_id": "VARCHAR",
    "license_url": "VARCHAR",
    "license_status": "VARCHAR",
    "license_attribution": "BOOLEAN",
    "license_share_alike": "BOOLEAN",
    "license_commercial": "BOOLEAN",
    "license_derivatives": "BOOLEAN",
    "license_public_domain": "BOOLEAN",
}
"""Columns of `make_license_table` beside `given`, and their types: fields of `License`; `license_id` is `spdx_id`."""

TEXTS_AT_ONCE = 65_536


def make_license_table(connection: duckdb.DuckDBPyConnection, table: str, texts: str) -> None:
    """Make a temporary table of what each licence text means, to be joined with where the texts come from.

    Each text is normalised once, however many rows have it; in memory are some at a time.

    Args:
        connection: The database.
        table: Name of the new table: `given`, the text, which may be NULL, and `LICENSE_COLUMNS`. Join it with
            `given IS NOT DISTINCT FROM` the text.
        texts: A query of one column, the texts.
    """
    import pyarrow as pa

    columns = {"given": "VARCHAR", **LICENSE_COLUMNS}
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {table} ({declared});
        CREATE OR REPLACE TEMP TABLE license_texts AS SELECT DISTINCT text FROM ({texts}) AS texts (text);
    """)
    types = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    [(count,)] = connection.execute("SELECT count(*) FROM license_texts").fetchall()
    for start in range(0, count, TEXTS_AT_ONCE):
        some = f"SELECT text FROM license_texts WHERE rowid >= {start} AND rowid < {start + TEXTS_AT_ONCE}"
        rows = [{"given": text, **_row(normalise(text))} for (text,) in connection.execute(some).fetchall()]
        connection.register("normalised_licenses", pa.Table.from_pylist(rows, schema))
        connection.execute(f"INSERT INTO {table} FROM normalised_licenses")
        connection.unregister("normalised_licenses")
    connection.execute("DROP TABLE license_texts")


def _row(license: License) -> dict[str, str | bool | None]:
    return {name: getattr(license, _field(name)) for name in LICENSE_COLUMNS}


def _field(column: str) -> str:
    name = column.removeprefix("license_")
    return "spdx_id" if name == "id" else name
