"""Output folders that never were downloaded, for the report: every file as the stages write it, from a description.

Written with plain pyarrow, as a report must read them, and without flushing them to disk.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from treeline.io.names import encode_server_name
from treeline.paths import Paths
from treeline.report.facts.collection import Collection, open_collection
from treeline.schemas import DETECTIONS, DUPLICATES, ERRORS, MANIFEST, REJECTED, REQUESTS, SUCCESSES, VERDICTS
from treeline.settings import paths_of, read_settings
from treeline.status import open_output

GROUPS = Path(__file__).parents[1] / "config" / "groups"
CONFIG: dict[str, Any] = {
    "downloader_parameters": {"user_agent": "me@example.org"},
    "lookup": {"groups_folder": str(GROUPS)},
}
PARAMETERS = '{"image_format": "jpeg"}'

Box = tuple[str, float]


class Image(NamedTuple):
    """An image of a shard and what became of it.

    Args:
        uuid: Its own.
        columns: Of its row in `successes.parquet`, in place of what is made up.
        verdicts: `keep` or `drop` by tool; without a verdict of those that have not looked at it.
        is_decodable: Whether it comes out of a decoded shard.
        boxes: Category and confidence of each detection; None: not looked at.
        has_failed: Whether the detector could not look at it.
    """

    uuid: str
    columns: Mapping[str, Any] = {}
    verdicts: Mapping[str, str] = {}
    is_decodable: bool = True
    boxes: Sequence[Box] | None = None
    has_failed: bool = False


@dataclass
class Shard:
    """A shard and what became of it.

    Args:
        server: host[:port].
        partition: Its number.
        state: Of its download.
        images: That came.
        errors: `error_code` and `error_msg` of each row that failed.
        left: Rows, where it is not downloaded.
        judged_by: Tools of which it has a table of verdicts.
        is_decoded: Whether it has an archive.
        requests: Rows of its table of requests.
        creators: Of its rows, images before errors; None: there is no batch.
    """

    server: str = "a.org"
    partition: int = 0
    state: Literal["downloaded", "ignored", "left"] = "downloaded"
    images: list[Image] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)
    left: int = 5
    judged_by: Sequence[str] = ()
    is_decoded: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    creators: Sequence[str | None] | None = None

    @property
    def rows(self) -> int:
        """Of its batch."""
        return len(self.images) + len(self.errors) if self.state == "downloaded" else self.left

    @property
    def id(self) -> tuple[str, int]:
        """As in its folder's name."""
        return encode_server_name(self.server), self.partition


@dataclass(frozen=True)
class Made:
    """A folder that was written.

    Args:
        config: The configuration's file.
        paths: Of the results.
    """

    config: Path
    paths: Paths

    @contextmanager
    def open(self) -> Iterator[Collection]:
        """Open it as the report does."""
        output = open_output(read_settings(yaml.safe_load(self.config.read_text())))
        with open_collection(output, self.config, memory_mb=1024, threads=1) as collection:
            yield collection


def write_collection(folder: Path, shards: Sequence[Shard], rejected: Sequence[str] = (), **config: Any) -> Made:
    """Write an output folder and its configuration.

    Args:
        folder: Where; need not exist.
        shards: In the order of the manifest.
        rejected: The reason of each row of the input that is in no batch.
        config: Blocks of the configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in.csv").write_text("identifier\nhttps://a.org/1.jpg\n")
    values = {**CONFIG, **config, "path_to_input": str(folder / "in.csv"), "path_to_output": str(folder / "results")}
    (folder / "config.yaml").write_text(yaml.safe_dump(values))
    paths = paths_of(read_settings(values))
    rows = [
        {"server_name": one.server, "partition_id": one.partition, "rows": one.rows, "sha256": "x"} for one in shards
    ]
    _write(paths.manifest, rows, MANIFEST)
    _write(paths.rejected, [{"reason": reason} for reason in rejected], REJECTED)
    ignored = {one.server for one in shards if one.state == "ignored"}
    if ignored:
        paths.ignored.write_text("server_name\n" + "".join(f"{server}\n" for server in sorted(ignored)))
    for one in shards:
        if one.state == "downloaded":
            _write_shard(paths, one)
        if one.requests:
            _write(paths.requests(*one.id), sorted(one.requests, key=lambda row: row["time"]), REQUESTS)
    looked_at = [row for one in shards for image in one.images for row in _detections(one, image)]
    if looked_at:
        _write(paths.detections_table, looked_at, DETECTIONS)
    return Made(folder / "config.yaml", paths)


def request(server: str, seconds: float, status: int = 200, **columns: Any) -> dict[str, Any]:
    """A row of a table of requests; `seconds` since 1970."""
    made_up = {"purpose": "image", "attempt": 1, "bytes": 1000, "seconds": 0.1, "rate_limit": 2.0, "uuid": "u"}
    return {"time": round(seconds * 1e6), "server": server, "status": status, **made_up, **columns}


def repeat(target: Path, repeats: Mapping[str, Sequence[str]]) -> None:
    """Write a table of duplicates: what repeats each image."""
    rows = [
        {"server_name": "a.org", "partition_id": 0, "uuid": uuid, "main_uuid": main, "distance": 0, "reason": "x"}
        for main, uuids in repeats.items()
        for uuid in uuids
    ]
    _write(target, rows, DUPLICATES)


def _write_shard(paths: Paths, shard: Shard) -> None:
    folder = paths.shard(*shard.id)
    _write(folder / "successes.parquet", [_success(shard, image) for image in shard.images], SUCCESSES)
    errors = [
        {
            "uuid": f"error-{number}",
            "identifier": f"https://{shard.server}/e{number}",
            "error_code": code,
            "error_msg": text,
        }
        for number, (code, text) in enumerate(shard.errors)
    ]
    _write(folder / "errors.parquet", errors, ERRORS)
    (folder / "completed").touch()
    if shard.creators is not None:
        rows = [image.uuid for image in shard.images] + [error["uuid"] for error in errors]
        batch = [{"uuid": uuid, "Photographer": name} for uuid, name in zip(rows, shard.creators, strict=True)]
        _write(paths.batch(*shard.id), batch, pa.schema([("uuid", pa.string()), ("Photographer", pa.string())]))
    for tool in shard.judged_by:
        verdicts = [
            {"uuid": image.uuid, "verdict": image.verdicts[tool]} for image in shard.images if tool in image.verdicts
        ]
        _write(paths.verdicts(tool, *shard.id), verdicts, VERDICTS)
    if shard.is_decoded:
        archive = paths.decoded_shard(*shard.id, "tar")
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive.touch()
        with paths.undecodable(*shard.id).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("uuid", "reason"))
            writer.writerows((image.uuid, 'cut off,\n"badly"') for image in shard.images if not image.is_decodable)


def _success(shard: Shard, image: Image) -> dict[str, Any]:
    digest = hashlib.md5(image.uuid.encode()).hexdigest()
    made_up = {
        "uuid": image.uuid,
        "source_id": image.uuid,
        "identifier": f"https://{shard.server}/{image.uuid}.jpg",
        "is_license_full": True,
        "license": "CC0",
        "source": "a museum",
        "title": "a photo",
        "hashsum_original": digest,
        "hashsum_resized": digest,
        "original_size": [3, 5],
        "resized_size": [3, 5],
        "image": bytes(45),
    }
    return {**made_up, **image.columns}


def _detections(shard: Shard, image: Image) -> Iterator[dict[str, Any]]:
    if image.boxes is None:
        return
    facts = {
        "uuid": image.uuid,
        "server_name": shard.server,
        "partition_id": shard.partition,
        "file": f"{image.uuid}.jpg",
        "failure": "image access failure" if image.has_failed else None,
        "model": "m",
        "model_sha256": "x",
    }
    place = dict.fromkeys(("x_min", "y_min", "box_width", "box_height"), 0.25)
    for category, confidence in () if image.has_failed else image.boxes:
        yield {**facts, **place, "category": category, "confidence": confidence}
    if image.has_failed or not image.boxes:
        yield facts


def _write(target: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"treeline.parameters": PARAMETERS, "treeline.version": "0.0"} if schema is SUCCESSES else {}
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema.with_metadata(metadata)), target)
