"""The columns of every table that stages hand to each other.

Names, types and order of the download tables are those of the downloader that Treeline replaces, so that its users'
code reads Treeline's files unchanged.
"""

from __future__ import annotations

import pyarrow as pa

URL_COLUMNS = ("uuid", "identifier", "source_id", "license", "source", "title")
"""Columns that every URL batch starts with, all strings; the input's other columns follow them."""

MANIFEST = pa.schema(
    [
        pa.field("server_name", pa.string(), nullable=False),
        pa.field("partition_id", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
    ]
)
"""`urls/manifest.parquet`: one row a batch. `server_name` is host[:port] as in the URL, not percent-encoded."""

REJECTED = pa.schema(
    [
        pa.field("uuid", pa.string()),
        pa.field("identifier", pa.string()),
        pa.field("source_id", pa.string()),
        pa.field("input_file", pa.string()),
        pa.field("input_row", pa.int64()),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""`urls/rejected.parquet`: one row for each input row that is in no batch. `input_row` counts data rows from 1."""

SUCCESSES = pa.schema(
    [
        pa.field("uuid", pa.string()),
        pa.field("source_id", pa.string()),
        pa.field("identifier", pa.string()),
        pa.field("is_license_full", pa.bool_()),
        pa.field("license", pa.string()),
        pa.field("source", pa.string()),
        pa.field("title", pa.string()),
        pa.field("hashsum_original", pa.string()),
        pa.field("hashsum_resized", pa.string()),
        pa.field("original_size", pa.list_(pa.int64())),
        pa.field("resized_size", pa.list_(pa.int64())),
        pa.field("image", pa.binary()),
    ]
)
"""`successes.parquet`: hashes are MD5 in hexadecimal, sizes are [height, width] in pixels."""

ERRORS = pa.schema(
    [
        pa.field("uuid", pa.string()),
        pa.field("identifier", pa.string()),
        pa.field("retry_count", pa.int64()),
        pa.field("error_code", pa.int64()),
        pa.field("error_msg", pa.string()),
    ]
)
"""`errors.parquet`: `error_code` is an HTTP status or one of those below; `retry_count` counts the requests made."""

NETWORK_ERROR = -1
"""`error_code` of DNS, TLS, connection, redirect and time-out failures."""

PROCESSING_ERROR = -2
"""`error_code` of a body that is not a whole, readable image within the limits."""

ROBOTS_ERROR = -3
"""`error_code` of a URL that the server's robots.txt asks not to fetch."""

OPT_OUT_ERROR = -4
"""`error_code` of an image whose owner opts out of this use by a response header."""

PARKED_ERROR = -5
"""`error_code` of a URL that was not asked for, because its server had stopped to answer."""

REQUESTS = pa.schema(
    [
        pa.field("time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("server", pa.string(), nullable=False),
        pa.field("uuid", pa.string()),
        pa.field("purpose", pa.string(), nullable=False),
        pa.field("attempt", pa.int64(), nullable=False),
        pa.field("status", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("latency_ms", pa.float64()),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("rate_limit", pa.float64(), nullable=False),
        pa.field("etag", pa.string()),
        pa.field("last_modified", pa.string()),
    ]
)
"""`logs/requests/`: one row a request, by time; `treeline.download.telemetry.Request` explains the columns."""

NOT_PROVIDED = "Not provided"
"""What `license`, `source` and `title` hold in `successes.parquet` where the input gives none."""

VERDICTS = pa.schema(
    [
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("reason", pa.string()),
    ]
)
"""`tools/<tool>/verdicts/`: one row for each image that the tool looked at, in the shard's order.

`verdict` is `keep` or `drop`, `value` the number that it rests on, in the tool's unit, `reason` says why it is `drop`.
"""

PDQ_HASHES = pa.schema(
    [
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("hash_pdq", pa.string()),
        pa.field("quality", pa.int64()),
    ]
)
"""`tools/near_duplicates/findings/`: one row an image; hash in hexadecimal, quality 0 to 100, null if unreadable."""

DUPLICATES = pa.schema(
    [
        pa.field("server_name", pa.string(), nullable=False),
        pa.field("partition_id", pa.int64(), nullable=False),
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("main_uuid", pa.string()),
        pa.field("distance", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""`tools/{duplication_based,near_duplicates}/duplicates.parquet`: one row for each image to drop.

`main_uuid` is the image that it repeats, null if that is of another collection; `distance` is in bits, 0 for the same
bytes; `server_name` is host[:port], not percent-encoded.
"""

DETECTIONS = pa.schema(
    [
        pa.field("uuid", pa.string(), nullable=False),
        pa.field("server_name", pa.string(), nullable=False),
        pa.field("partition_id", pa.int64(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("failure", pa.string()),
        pa.field("category", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("x_min", pa.float64()),
        pa.field("y_min", pa.float64()),
        pa.field("box_width", pa.float64()),
        pa.field("box_height", pa.float64()),
        pa.field("image_width", pa.int64()),
        pa.field("image_height", pa.int64()),
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_sha256", pa.string(), nullable=False),
    ]
)
"""`detections.parquet`: one row a detection, and one row with null box for each image without any.

Boxes are relative to the image, [0, 1], from its upper left corner; `category` is a name such as `animal`.
"""

MANIFEST_OF_LOOKUP = pa.schema(
    [
        pa.field("group", pa.string(), nullable=False),
        pa.field("group_id", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("paths", pa.int64(), nullable=False),
    ]
)
"""`lookup/<group>/manifest.csv`: one row a lookup batch, with its images and the files that hold them."""
