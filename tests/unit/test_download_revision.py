"""What a retry does to a finished shard, and what a kill at any of its steps cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.batches import write_batch
from treeline.config_download import DownloaderParameters
from treeline.download.assemble import Assembly
from treeline.download.retry import retry_errors
from treeline.download.revision import Revision, keep_errors, revision_of
from treeline.download.spool import Spool, origin_of
from treeline.io.atomic import link_or_copy, write_bytes
from treeline.io.parquet import read_metadata, sha256_of_file, write_table

SHARD = "server_name=a.example/partition_id=0"
TABLES = ("successes.parquet", "errors.parquet")
CODES = {2: 503, 5: 404, 8: 503}
ROWS = 10

# Ends the process, as a kill would, at the so-manieth change of a file.
KILLED_AT = """
import os, sys
from pathlib import Path
from treeline.download.retry import retry_errors
images, urls, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
changes = 0
def count_changes(event, arguments):
    global changes
    if event in ("os.rename", "os.remove", "os.link"):
        changes += 1
        if changes == last:
            os._exit(9)
sys.addaudithook(count_changes)
retry_errors(images, urls, [503], once=True)
"""


def finished_row(row: int) -> dict[str, Any]:
    if row in CODES:
        return {"row": row, "retry_count": 1, "error_code": CODES[row], "error_msg": f"failed {row}"}
    return good_row(row)


def good_row(row: int) -> dict[str, Any]:
    stored = {"hashsum_original": "x", "hashsum_resized": "x", "original_size": [1, 1], "resized_size": [1, 1]}
    return {"row": row, "retry_count": 1, "image": bytes([row]) * 9, **stored}


class Collection:
    """One finished shard with its batch and spool."""

    def __init__(self, folder: Path) -> None:
        self.images, self.urls = folder / "images", folder / "urls"
        batch = self.urls / SHARD / "urls.parquet"
        write_batch(batch, [f"http://a.example/{row}" for row in range(ROWS)])
        self.batch = pq.read_table(batch)
        self.shard = self.images / SHARD
        self.origin = origin_of(sha256_of_file(batch), DownloaderParameters())
        self.finish([finished_row(row) for row in range(ROWS)])

    @property
    def spool(self) -> Spool:
        """A new one each time, as each job has its own."""
        return Spool(self.images / ".spool" / SHARD, self.origin)

    def finish(self, rows: list[dict[str, Any]]) -> None:
        """Do what a job does once it has fetched these rows."""
        self.spool.write_segment(rows)
        with Assembly(self.spool, self.batch) as assembly:
            assembly.finish()
        self.spool.remove_segments()
        for name in TABLES:
            link_or_copy(self.spool.folder / name, self.shard / name)
        write_bytes(self.shard / "completed", b"")

    def missing(self) -> list[int]:
        """Rows that a job would ask for."""
        return sorted(set(range(ROWS)) - set(self.spool.finished().rows.tolist()))

    def codes(self, table: str = "errors.parquet") -> list[int]:
        return pq.read_table(self.shard / table)["error_code"].to_pylist()


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path)


def test_a_retry_keeps_what_it_does_not_ask_for_and_the_errors_of_before(collection: Collection) -> None:
    before = (collection.shard / "errors.parquet").read_bytes()
    assert retry_errors(collection.images, collection.urls, [503]) == 2
    assert collection.missing() == [2, 8]
    assert (collection.shard / "completed").exists()
    assert not any((collection.shard / name).exists() for name in TABLES)
    collection.finish([good_row(2), finished_row(8)])
    assert (collection.shard / "errors.0001.parquet").read_bytes() == before
    assert collection.codes() == [404, 503]
    for name in TABLES:
        assert revision_of(read_metadata(collection.shard / name)) == Revision(1, frozenset([503]))


def test_once_is_once_and_by_hand_is_always(collection: Collection) -> None:
    for number, (codes, once, asked) in enumerate(
        [([503], True, 2), ([503, 404], True, 1), ([503, 404], True, 0), ([503], False, 2), ([], False, 3)]
    ):
        assert retry_errors(collection.images, collection.urls, codes, once=once) == asked, number
        if asked:
            collection.finish([finished_row(row) for row in collection.missing()])
    kept = sorted(file.name for file in collection.shard.glob("errors.0*"))
    assert kept == [f"errors.{number:04d}.parquet" for number in (1, 2, 3, 4)]
    numbers = [revision_of(read_metadata(collection.shard / name)).number for name in [*kept, "errors.parquet"]]
    assert numbers == [0, 1, 2, 3, 4]
    assert revision_of(read_metadata(collection.shard / "errors.parquet")).retried == {404, 503}


def test_shards_of_ignored_servers_are_left_alone(collection: Collection) -> None:
    assert retry_errors(collection.images, collection.urls, [], ignored=["a.example"]) == 0
    assert (collection.shard / "errors.parquet").exists()


def test_only_revision_and_retried_tell_a_retried_shard_from_another(tmp_path: Path) -> None:
    retried, other = Collection(tmp_path / "retried"), Collection(tmp_path / "other")
    assert retry_errors(retried.images, retried.urls, [503])
    retried.finish([finished_row(row) for row in retried.missing()])
    for name in TABLES:
        tables = [pq.read_table(one.shard / name) for one in (retried, other)]
        assert tables[0].equals(tables[1])
        facts, others = (read_metadata(one.shard / name) for one in (retried, other))
        assert others.keys() == facts.keys() - {"revision", "retried"}
        assert facts == {**others, "revision": "1", "retried": "[503]"}
        assert json.loads(facts["retried"]) == [503]


def test_a_number_is_given_once_for_the_same_errors(collection: Collection) -> None:
    assert keep_errors(collection.shard) == keep_errors(collection.shard) == 1
    rows = pq.read_table(collection.shard / "errors.parquet")
    write_table(collection.shard / "errors.parquet", pa.concat_tables([rows, rows]))
    assert keep_errors(collection.shard) == 2


def test_no_kill_costs_an_image_or_an_error(tmp_path: Path) -> None:
    collection, undisturbed = Collection(tmp_path / "killed"), Collection(tmp_path / "undisturbed")
    before = {name: (collection.shard / name).read_bytes() for name in TABLES}
    arguments = [str(collection.images), str(collection.urls)]
    for last in count(1):
        ended = subprocess.run([sys.executable, "-c", KILLED_AT, *arguments, str(last)])
        whole = {name: (collection.shard / name).exists() for name in TABLES}
        if not all(whole.values()):
            assert collection.missing() == [2, 8]
            assert not collection.spool.is_complete
            assert (collection.shard / "errors.0001.parquet").read_bytes() == before["errors.parquet"]
        for name in TABLES:
            assert not whole[name] or (collection.shard / name).read_bytes() == before[name]
        if ended.returncode == 0:
            break
        assert ended.returncode == 9
    assert last > 8
    retry_errors(undisturbed.images, undisturbed.urls, [503], once=True)
    for one in (collection, undisturbed):
        one.finish([good_row(row) for row in one.missing()])
    for file in ("errors.0001.parquet", *TABLES):
        assert (collection.shard / file).read_bytes() == (undisturbed.shard / file).read_bytes()
    assert not (collection.shard / "errors.0002.parquet").exists()
