"""Files of the stages `urls` and `download`."""

from __future__ import annotations

from treeline.download.server_profile import SERVER_PROFILE_COLUMNS
from treeline.download.tables import (
    CONFIG_COLUMNS,
    ERROR_COLUMNS,
    JOB_COLUMNS,
    PROFILE_COLUMNS,
    SCHEDULE_COLUMNS,
    UNREACHABLE_COLUMNS,
    VERIFICATION_COLUMNS,
)
from treeline.reference.table import SHARD, TEXT, FileTable, typed, untyped
from treeline.schemas import ERRORS, MANIFEST, REJECTED, REQUESTS, SUCCESSES, URL_COLUMNS
from treeline.urls.batches import EXISTING

URLS = (
    FileTable(
        "urls/manifest.parquet",
        "A batch.",
        typed(MANIFEST),
        {"rows": "URLs in it.", "sha256": "Of the batch's file."},
    ),
    FileTable(
        f"urls/{SHARD}/urls.parquet",
        "A URL of the batch; all other columns of the input follow.",
        dict.fromkeys(URL_COLUMNS, TEXT),
        has_more=True,
    ),
    FileTable(
        "urls/rejected.parquet",
        "A row of the input that is in no batch.",
        typed(REJECTED),
        {"input_file": "The table.", "input_row": "Its row, from 1, without the header."},
    ),
    FileTable("urls/removed.parquet", "A row of a batch that the input no longer has.", typed(EXISTING)),
)

DOWNLOAD = (
    FileTable(
        f"images/{SHARD}/successes.parquet",
        "An image; row groups of at most 256.",
        typed(SUCCESSES),
        {
            "is_license_full": "Whether licence, source and title are all given.",
            "license": "Licence, or `Not provided`.",
            "source": "Who publishes the image, or `Not provided`.",
            "title": "What it is called, or `Not provided`.",
            "hashsum_original": "MD5 of the bytes as served, hexadecimal.",
            "hashsum_resized": "MD5 of `image`, hexadecimal.",
        },
    ),
    FileTable(
        f"images/{SHARD}/errors.parquet",
        "A URL that finally failed; `errors.0001.parquet` and so on hold what the errors were before each retry.",
        typed(ERRORS),
        {
            "retry_count": "Requests that were made.",
            "error_code": "HTTP status, or below 0: see [every error code](errors.md#3-every-error-code).",
            "error_msg": "What happened, in words.",
        },
    ),
    FileTable(f"images/{SHARD}/completed", "Empty: the shard is whole."),
    FileTable(
        "profiles.csv",
        "A server. `rate_limit` is yours to change.",
        untyped(PROFILE_COLUMNS),
        {
            "total_batches": "Its batches.",
            "success_count": "Images that came from it.",
            "error_count": "URLs of it that failed.",
            "rate_limit": "Requests a second that it is asked at most.",
            "learned_rate": "Requests a second that it was found to bear.",
        },
    ),
    FileTable("ignored.csv", "A server that is left out; written by you.", untyped(("server_name",)), has_more=True),
    FileTable("checkpoint.yaml", "How far the downloader is: four booleans."),
    FileTable(
        f"logs/requests/{SHARD}.parquet",
        "A request that was sent for the shard, by time.",
        typed(REQUESTS),
        {
            "time": "When it was sent (UTC).",
            "server": "host[:port] that was asked.",
            "uuid": "The image that it was for; null for robots.txt.",
            "purpose": "`image`, `redirect` or `robots`.",
            "attempt": "Which try it was, from 1.",
            "status": "HTTP status, or the error code where no whole answer came.",
            "bytes": "Of the body that were received.",
            "latency_ms": "Milliseconds from sending to the first byte; null without an answer.",
            "seconds": "From sending to the end.",
            "rate_limit": "Requests a second that the pace allowed at that moment.",
            "etag": "Of a successful answer: what a refresh asks with.",
            "last_modified": "The same.",
        },
    ),
    FileTable(
        "schedules/server_profiles.csv",
        "A server that was measured before the download.",
        untyped(SERVER_PROFILE_COLUMNS),
        {
            "samples": "URLs that were chosen.",
            "allowed": "Those of them that robots.txt allows.",
            "statuses": "Answers by HTTP status: `200:4 404:1`.",
            "failures": "Requests without an answer.",
            "seconds_to_first_byte": "Median over the images that came.",
            "seconds_to_last_byte": "Median over the images that came.",
            "body_bytes": "Their median size.",
            "ranges": "Whether parts of an image can be asked for.",
            "compression": "`Content-Encoding` of an image; mostly empty.",
            "robots_status": "HTTP status of robots.txt.",
            "crawl_delay": "Seconds between requests that robots.txt asks for.",
            "announced_rate": "Requests a second that its headers announce.",
            "failure": "Why the last request without an answer has none.",
            "proposed_rate_limit": "Requests a second.",
        },
    ),
    FileTable("schedules/unreachable.csv", "A server that gave no answer.", untyped(UNREACHABLE_COLUMNS)),
    FileTable(
        "schedules/current/N/N.csv",
        "Shards of a lane, which are downloaded one after the other.",
        untyped(SCHEDULE_COLUMNS),
        {
            "rank": "Number of the lane.",
            "partition_id_from": "First batch.",
            "partition_id_to": "The one behind the last batch.",
            "main_rank": "As `rank`.",
            "rate_limit": "Requests a second of this lane.",
        },
    ),
    FileTable(
        "schedules/current/N/_config.csv",
        "A server of the schedule.",
        untyped(CONFIG_COLUMNS),
        {
            "index": "Its number.",
            "total_batches": "Its batches.",
            "process_per_node": "Always 1.",
            "nodes": "Lanes that it has.",
        },
    ),
    FileTable(
        "schedules/current/N/_jobs_ids.csv",
        "A job of the schedule.",
        untyped(JOB_COLUMNS),
        {"job_id": "Its number.", "is_verification": "Whether it verifies what the others did."},
    ),
    FileTable(
        "schedules/current/N/_verification.csv",
        "A shard.",
        untyped(VERIFICATION_COLUMNS),
        {"status": "`Completed`, or `Failed`."},
    ),
    FileTable(
        "schedules/current/N/_errors.csv",
        "An error code of a shard.",
        untyped(ERROR_COLUMNS),
        {
            "error_code": "As in `errors.parquet`.",
            "count": "Rows that have it.",
            "retried": "Whether they were tried again.",
        },
    ),
)
