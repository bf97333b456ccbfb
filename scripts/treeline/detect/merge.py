"""Make one table of all shards' detector results."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from treeline.errors import ShardError
from treeline.io.database import connect
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.io.names import decode_server_name
from treeline.io.parquet import parquet_writer
from treeline.paths import shard_folder
from treeline.schemas import DETECTIONS

log = logging.getLogger(__name__)

ROW_GROUP_ROWS = 100_000
MEMORY_MB = 1024

READ_RESULTS = """
CREATE OR REPLACE TEMP TABLE results AS
FROM read_json(?, format = 'unstructured', maximum_object_size = ?, columns = {
    info: 'STRUCT(detector VARCHAR, custom_metadata STRUCT(model_sha256 VARCHAR))',
    detection_categories: 'MAP(VARCHAR, VARCHAR)',
    images: 'STRUCT(
        file VARCHAR, failure VARCHAR, width BIGINT, height BIGINT,
        detections STRUCT(category VARCHAR, conf DOUBLE, bbox DOUBLE[])[]
    )[]'
})
"""
"""A file of `treeline.io.results` as a table of one row; what is missing is null."""

COUNT_IMAGES = """
SELECT len(images) FROM results
WHERE detection_categories IS NOT NULL AND info.custom_metadata.model_sha256 IS NOT NULL
"""

ROWS = """
WITH looked_at AS (SELECT info, detection_categories, unnest(images) AS image FROM results),
found AS (
    SELECT *, unnest(if(len(image.detections) > 0, image.detections, [NULL])) AS detection FROM looked_at
)
SELECT
    string_split(image.file, '.')[1] AS uuid,
    $server_name AS server_name,
    $partition_id::BIGINT AS partition_id,
    image.file AS file,
    image.failure AS failure,
    detection_categories[detection.category] AS category,
    detection.conf AS confidence,
    detection.bbox[1] AS x_min,
    detection.bbox[2] AS y_min,
    detection.bbox[3] AS box_width,
    detection.bbox[4] AS box_height,
    image.width AS image_width,
    image.height AS image_height,
    info.detector AS model,
    info.custom_metadata.model_sha256 AS model_sha256
FROM found
"""
"""The columns of `schemas.DETECTIONS`, in the order of the file."""


def merge_detections(manifest: Path, ignored: Path, detections_folder: Path, target: Path) -> int:
    """Write one row a detection, and one with null box for each image without any, of all shards.

    Memory is bounded by one shard's results and one row group.

    Args:
        manifest: The list of URL batches, in whose order the shards are read.
        ignored: The table of servers that are left out; may be missing.
        detections_folder: Folder of the shards' results.
        target: Parquet of `schemas.DETECTIONS`; `server_name` is host[:port], not percent-encoded.

    Returns:
        Number of images.

    Raises:
        ShardError: A shard's results are missing or broken; names the file.
    """
    left_out = read_ignored(ignored)
    shards = [shard for shard in read_manifest(manifest) if shard.server not in left_out]
    models: set[str] = set()
    images = 0
    with (
        connect(target.parent, memory_mb=MEMORY_MB, threads=1) as connection,
        parquet_writer(target, DETECTIONS) as writer,
    ):
        pending = [DETECTIONS.empty_table()]
        for shard in shards:
            results = detections_folder / f"{shard_folder(shard.server, shard.partition)}.json"
            rows, images_of_shard = _read_rows(connection, shard, results)
            models.update(pc.unique(rows["model_sha256"]).to_pylist())
            images += images_of_shard
            pending.append(rows)
            if sum(table.num_rows for table in pending) >= ROW_GROUP_ROWS:
                writer.write_table(pa.concat_tables(pending))
                pending = [DETECTIONS.empty_table()]
        writer.write_table(pa.concat_tables(pending))
    if len(models) > 1:
        log.warning("shards were looked at by %d different models: see the column model_sha256", len(models))
    log.info("%s: %d images of %d shards", target, images, len(shards))
    return images


def _read_rows(connection: duckdb.DuckDBPyConnection, shard: Shard, results: Path) -> tuple[pa.Table, int]:
    """The rows of one shard, as `schemas.DETECTIONS`, and its number of images."""
    try:
        connection.execute(READ_RESULTS, [str(results), results.stat().st_size])
        counts = connection.execute(COUNT_IMAGES).fetchall()
        if len(counts) != 1 or counts[0][0] is None:
            raise ValueError("no images, categories or checksum of the model")
        names = {"server_name": decode_server_name(shard.server), "partition_id": shard.partition}
        return connection.sql(ROWS, params=names).to_arrow_table().cast(DETECTIONS), counts[0][0]
    except FileNotFoundError:
        raise ShardError(results, "no such file.", fix="Run the stage detect.") from None
    except (duckdb.InvalidInputException, duckdb.ConversionException, ValueError) as error:
        reason = str(error).partition("\n")[0]
        fix = "Delete it and rerun the stage."
        raise ShardError(results, f"is no detector result ({reason}).", fix=fix) from error
