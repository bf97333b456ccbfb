"""Make one table of all shards' detector results."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from treeline.detect.results import ImageResult, Results, read_results
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.io.names import decode_server_name
from treeline.io.parquet import parquet_writer
from treeline.paths import shard_folder
from treeline.schemas import DETECTIONS

log = logging.getLogger(__name__)

ROW_GROUP_ROWS = 100_000

Row = dict[str, Any]


def merge_detections(manifest: Path, ignored: Path, detections_folder: Path, target: Path) -> int:
    """Write one row a detection, and one with null box for each image without any, of all shards.

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
    with parquet_writer(target, DETECTIONS) as writer:
        pending: list[pa.RecordBatch] = []
        for shard in shards:
            results = read_results(detections_folder / f"{shard_folder(shard.server, shard.partition)}.json")
            models.add(results["info"]["custom_metadata"]["model_sha256"])
            images += len(results["images"])
            pending.append(pa.RecordBatch.from_pylist(list(_rows(shard, results)), schema=DETECTIONS))
            if sum(batch.num_rows for batch in pending) >= ROW_GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(pending))
                pending = []
        writer.write_table(pa.Table.from_batches(pending, DETECTIONS))
    if len(models) > 1:
        log.warning("shards were looked at by %d different models: see the column model_sha256", len(models))
    log.info("%s: %d images of %d shards", target, images, len(shards))
    return images


def _rows(shard: Shard, results: Results) -> Iterator[Row]:
    info, categories = results["info"], results["detection_categories"]
    common = {
        "server_name": decode_server_name(shard.server),
        "partition_id": shard.partition,
        "model": info["detector"],
        "model_sha256": info["custom_metadata"]["model_sha256"],
    }
    for image in results["images"]:
        of_image = common | _image_columns(image)
        if not image["detections"]:
            yield of_image
        for found in image["detections"] or ():
            box = dict(zip(("x_min", "y_min", "box_width", "box_height"), found["bbox"], strict=True))
            yield of_image | box | {"category": categories[found["category"]], "confidence": found["conf"]}


def _image_columns(image: ImageResult) -> Row:
    return {
        "uuid": image["file"].partition(".")[0],
        "file": image["file"],
        "failure": image.get("failure"),
        "image_width": image.get("width"),
        "image_height": image.get("height"),
    }
