"""Compare the checked rows with each other and with the batches that are there."""

from __future__ import annotations

import duckdb

from treeline.errors import ShardError


def compare_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `verdicts`: the rows of `checked` with why they are refused, and whether they are in a batch.

    Of rows with the same uuid the first is kept, except that one which is in a batch already stays there. A kept row
    whose uuid is in a batch with another URL is refused: batches do not change.

    - `treeline_reason`: null for a row that is in a batch or is to be in one.
    - `treeline_known`: whether a batch has the row's uuid.

    Raises:
        ShardError: A uuid is in two batches.
    """
    repeated = connection.execute(
        """
        SELECT uuid, list(server_name || ', partition ' || partition_id) FROM existing
        WHERE uuid IN (SELECT uuid FROM existing GROUP BY uuid HAVING count(*) > 1)
        GROUP BY uuid LIMIT 1
        """
    ).fetchone()
    if repeated is not None:
        uuid, places = repeated
        fix = "Remove the batch that is not Treeline's."
        raise ShardError(f"batches {'; '.join(places)}", f"hold the same row, {uuid}.", field="uuid", fix=fix)
    connection.execute(
        """
        CREATE TABLE kept_rows AS
        SELECT
            uuid,
            coalesce(min(treeline_row) FILTER (existing.identifier = checked.identifier), min(treeline_row)) AS kept_row
        FROM (SELECT uuid FROM checked WHERE treeline_reason IS NULL GROUP BY uuid HAVING count(*) > 1)
        JOIN checked USING (uuid)
        LEFT JOIN existing USING (uuid)
        WHERE treeline_reason IS NULL
        GROUP BY uuid
        """
    )
    connection.execute(
        """
        CREATE VIEW verdicts AS
        SELECT
            checked.* EXCLUDE (treeline_reason),
            CASE
                WHEN treeline_reason IS NOT NULL THEN treeline_reason
                WHEN treeline_row <> kept_row THEN 'duplicate_uuid'
                WHEN existing.identifier <> checked.identifier THEN 'changed_url'
            END AS treeline_reason,
            existing.uuid IS NOT NULL AS treeline_known
        FROM checked
        LEFT JOIN kept_rows ON checked.uuid = kept_rows.uuid
        LEFT JOIN existing ON checked.uuid = existing.uuid
        """
    )
