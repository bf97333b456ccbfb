"""Which URLs of a server are sampled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batches import write_batch
from treeline.download.samples import sample_urls
from treeline.io.manifest import Shard


def batches(folder: Path, server: str, *sizes: int) -> list[Shard]:
    """Batches of a server whose URLs are numbered throughout."""
    shards, first = [], 0
    for partition, rows in enumerate(sizes):
        urls = [f"http://{server}/{number}.jpg" for number in range(first, first + rows)]
        write_batch(folder / f"server_name={server}/partition_id={partition}/urls.parquet", urls)
        shards.append(Shard(server, partition, rows, "f" * 64))
        first += rows
    return shards


@pytest.mark.parametrize(
    ("sizes", "samples", "numbers"),
    [
        ((100,), 1, [50]),
        ((100,), 4, [12, 37, 62, 87]),
        ((40, 40, 20), 4, [12, 37, 62, 87]),
        ((2, 1), 5, [0, 1, 2]),
        ((1,), 5, [0]),
    ],
)
def test_samples_are_spread_over_the_batches(
    tmp_path: Path, sizes: tuple[int, ...], samples: int, numbers: list[int]
) -> None:
    shards = batches(tmp_path, "a.example", *sizes)
    assert sample_urls(shards, tmp_path, samples) == {"a.example": [f"http://a.example/{n}.jpg" for n in numbers]}


def test_each_server_has_its_own_samples_and_no_url_twice(tmp_path: Path) -> None:
    shards = [*batches(tmp_path, "a.example", 3), *batches(tmp_path, "b.example", 2, 2)]
    write_batch(tmp_path / "server_name=a.example/partition_id=0/urls.parquet", ["http://a.example/0.jpg"] * 3)
    assert sample_urls(shards, tmp_path, 2) == {
        "a.example": ["http://a.example/0.jpg"],
        "b.example": ["http://b.example/1.jpg", "http://b.example/3.jpg"],
    }
