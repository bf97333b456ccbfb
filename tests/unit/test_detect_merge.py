"""All shards' results become one table."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from treeline.detect.merge import merge_detections
from treeline.errors import ShardError
from treeline.io.names import encode_server_name
from treeline.io.parquet import write_table
from treeline.io.results import ImageResult, build_results, failed, processed, write_results
from treeline.paths import shard_folder
from treeline.schemas import DETECTIONS, MANIFEST

SERVERS = ["a.org:80", "a.org:80", "b.org"]
PARTITIONS = [0, 1, 0]
RESULTS = json.dumps(build_results([], model="m.pt", sha256="s", version="v", threshold=0, metadata={}))


def image_with(*confidences: float) -> ImageResult:
    found = [{"category": "3", "conf": confidence, "bbox": [0.1, 0.2, 0.3, 0.4]} for confidence in confidences]
    return processed("u.jpg", found, (24, 36), None)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of two servers, with a manifest; each image is called after its shard."""
    columns = {"server_name": SERVERS, "partition_id": PARTITIONS, "rows": [9, 9, 9], "sha256": ["x"] * 3}
    write_table(tmp_path / "manifest.parquet", pa.table(columns, schema=MANIFEST))
    for server, partition in zip(SERVERS, PARTITIONS, strict=True):
        images = [image_with(0.9, 0.25), image_with(), failed("v.jpg", "image access failure")]
        for image in images:
            image["file"] = f"{server[0]}{partition}{image['file']}"
        results = build_results(images, model="m.pt", sha256="s", version="v", threshold=0, metadata={})
        write_results(tmp_path / f"{shard_folder(encode_server_name(server), partition)}.json", results)
    return tmp_path


def merge(folder: Path) -> int:
    return merge_detections(folder / "manifest.parquet", folder / "ignored.csv", folder, folder / "table.parquet")


def test_each_detection_and_each_image_without_any_has_a_row(folder: Path) -> None:
    assert merge(folder) == 9
    table = pq.read_table(folder / "table.parquet")
    assert table.schema.equals(DETECTIONS)
    rows = table.to_pylist()
    assert [row["uuid"] for row in rows] == [
        uuid for shard in ("a0", "a1", "b0") for uuid in (f"{shard}u", f"{shard}u", f"{shard}u", f"{shard}v")
    ]
    assert rows[0] == {
        "uuid": "a0u", "server_name": "a.org:80", "partition_id": 0, "file": "a0u.jpg", "failure": None,
        "category": "vehicle", "confidence": 0.9, "x_min": 0.1, "y_min": 0.2, "box_width": 0.3, "box_height": 0.4,
        "image_width": 36, "image_height": 24, "model": "m.pt", "model_sha256": "s",
    }  # fmt: skip
    assert (rows[2]["category"], rows[2]["failure"], rows[2]["image_width"]) == (None, None, 36)
    assert (rows[3]["category"], rows[3]["failure"], rows[3]["image_width"]) == (None, "image access failure", None)


def test_shards_of_ignored_servers_are_left_out(folder: Path) -> None:
    (folder / "ignored.csv").write_text("server_name\nb.org\n")
    (folder / f"{shard_folder('b.org', 0)}.json").unlink()
    assert merge(folder) == 6


def test_a_shard_without_results_is_named(folder: Path) -> None:
    (folder / f"{shard_folder('b.org', 0)}.json").unlink()
    with pytest.raises(ShardError, match=r"server_name=b\.org/partition_id=0\.json"):
        merge(folder)
    assert not (folder / "table.parquet").exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"info": {}}', '{"images": []}', '{"images": [{"file": 1}]}', RESULTS * 2]
)
def test_what_are_no_results_is_named(folder: Path, content: str) -> None:
    (folder / f"{shard_folder('b.org', 0)}.json").write_text(content)
    with pytest.raises(ShardError, match=r"partition_id=0\.json: is no detector result"):
        merge(folder)
    assert not (folder / "table.parquet").exists()


def test_the_table_is_the_same_every_time_and_leaves_nothing_beside_it(folder: Path) -> None:
    merge(folder)
    before, files = (folder / "table.parquet").read_bytes(), sorted(folder.iterdir())
    merge(folder)
    assert (folder / "table.parquet").read_bytes() == before
    assert sorted(folder.iterdir()) == files


def test_a_shard_without_images_adds_nothing(folder: Path) -> None:
    (folder / f"{shard_folder('b.org', 0)}.json").write_text(RESULTS)
    assert merge(folder) == 6


def test_no_shards_give_an_empty_table(tmp_path: Path) -> None:
    write_table(tmp_path / "manifest.parquet", MANIFEST.empty_table())
    assert merge(tmp_path) == 0
    assert pq.read_table(tmp_path / "table.parquet").schema.equals(DETECTIONS)
