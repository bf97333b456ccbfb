"""Duplicates of the whole collection: the first stays, and what has not changed is left alone."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shards import shard_row, write_shard
from treeline.errors import InputError, ShardError
from treeline.io.hamming import MOST_BITS, near_pairs
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name
from treeline.io.parquet import write_table
from treeline.paths import shard_folder
from treeline.schemas import DUPLICATES, MANIFEST, PDQ_HASHES
from treeline.tools.collection import Collection, table_in
from treeline.tools.duplicates import find_duplicates, find_near_duplicates, repeats
from treeline.tools.judge import judge_shard

SERVERS = ["a.org", "b.org:80"]
SHARDS = [ShardId(encode_server_name(server), partition) for partition in (0, 1) for server in SERVERS]
"""In the order that says which image is the first."""

LIMITS = {"memory_mb": 1024, "threads": 1}


class Shards:
    """A collection of a few shards; each image has a letter for its original bytes."""

    def __init__(self, folder: Path, letters: list[str]) -> None:
        self.folder, self.verdicts = folder, folder / "verdicts"
        rows = [
            {"server_name": SERVERS[place % 2], "partition_id": place // 2, "rows": len(text), "sha256": "x"}
            for place, text in enumerate(letters)
        ]
        write_table(folder / "manifest.parquet", pa.Table.from_pylist(rows, MANIFEST))
        for shard, text in zip(SHARDS, letters, strict=False):
            named = [shard_row(number, b"", hashsum_original=letter * 32) for number, letter in enumerate(text)]
            images = [{**row, "uuid": uuid_of(shard, number)} for number, row in enumerate(named)]
            write_shard(folder / shard_folder(*shard) / "successes.parquet", images)

    def collection(self, *kept_by: Path) -> Collection:
        return Collection.of(
            self.folder / "manifest.parquet",
            self.folder / "ignored.csv",
            kept_by,
            lambda shard: self.folder / shard_folder(*shard) / "successes.parquet",
        )

    def find(self, against: str | None = None, *kept_by: Path) -> list[dict[str, object]]:
        find_duplicates(self.collection(*kept_by), against, self.verdicts, self.folder / "duplicates.parquet", **LIMITS)
        table = pq.read_table(self.folder / "duplicates.parquet")
        assert table.schema.equals(DUPLICATES)
        return table.to_pylist()

    def judge(self) -> dict[str, str]:
        """Judge the shards that have no verdicts, as the rules do; gives all verdicts by uuid."""
        verdicts = {}
        for shard in self.collection().shards:
            target = table_in(self.verdicts, shard)
            if not target.exists():
                judge = repeats(self.folder / "duplicates.parquet", shard)
                judge_shard(self.folder / shard_folder(*shard) / "successes.parquet", [], judge, target)
            table = pq.read_table(target)
            verdicts |= dict(zip(table["uuid"].to_pylist(), table["verdict"].to_pylist(), strict=True))
        return verdicts


def uuid_of(shard: ShardId, number: int) -> str:
    return f"{shard.server[0]}{shard.partition}-{number}"


@given(st.lists(st.text("abcdef", max_size=6), min_size=1, max_size=4))
@settings(max_examples=20)
def test_the_first_of_each_hash_stays(tmp_path_factory: pytest.TempPathFactory, letters: list[str]) -> None:
    shards = Shards(tmp_path_factory.mktemp("shards"), letters)
    firsts: dict[str, str] = {}
    expected = []
    for shard, text in zip(SHARDS, letters, strict=False):
        for number, letter in enumerate(text):
            uuid = uuid_of(shard, number)
            if firsts.setdefault(letter, uuid) != uuid:
                expected.append((uuid, firsts[letter], 0, f"repeats {firsts[letter]}"))
    found = shards.find()
    assert [(row["uuid"], row["main_uuid"], row["distance"], row["reason"]) for row in found] == expected
    dropped = {uuid for uuid, verdict in shards.judge().items() if verdict == "drop"}
    assert dropped == {uuid for uuid, *_ in expected}


def test_a_shard_is_judged_again_only_if_other_images_are_dropped(tmp_path: Path) -> None:
    Shards(tmp_path, ["ab", "ca", "cd"]).find()
    shards = Shards(tmp_path, ["ab", "ca", "cd"])
    assert [row["uuid"] for row in shards.find()] == ["b0-1", "a1-0"]
    shards.judge()
    times = {shard: table_in(shards.verdicts, shard).stat().st_mtime_ns for shard in SHARDS[:3]}
    grown = Shards(tmp_path, ["ab", "cx", "cd", "dd"])  # one image has changed, and a shard has come
    assert [row["uuid"] for row in grown.find()] == ["a1-0", "b1-0", "b1-1"]
    assert not table_in(shards.verdicts, SHARDS[1]).exists()
    assert all(table_in(shards.verdicts, shard).stat().st_mtime_ns == times[shard] for shard in (SHARDS[0], SHARDS[2]))
    verdicts = grown.judge()
    assert [uuid for uuid, verdict in verdicts.items() if verdict == "drop"] == ["a1-0", "b1-0", "b1-1"]


def test_images_of_another_collection_count_as_earlier(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(f"hashsum_original\n{'B' * 32}\n")
    found = Shards(tmp_path, ["abb", "ac"]).find(str(tmp_path / "other.csv"))
    assert [(row["uuid"], row["main_uuid"]) for row in found] == [("a0-1", None), ("a0-2", None), ("b0-0", "a0-0")]
    assert found[0]["reason"] == "is in the other collection"


def test_what_other_tools_drop_is_no_first(tmp_path: Path) -> None:
    shards = Shards(tmp_path, ["aa", "a"])
    shards.find()
    kept = tmp_path / "kept"
    for shard in SHARDS[:2]:
        rows = [{"uuid": uuid_of(shard, number), "verdict": "drop" if number == 0 else "keep"} for number in (0, 1)]
        table_in(kept, shard).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.Table.from_pylist([row for row in rows if shard == SHARDS[0] or row["uuid"] == "b0-0"]),
            table_in(kept, shard),
        )
    assert shards.find(None, kept) == []


def test_missing_shards_and_empty_collections_are_errors(tmp_path: Path) -> None:
    shards = Shards(tmp_path, ["a", "b"])
    (tmp_path / shard_folder(*SHARDS[1]) / "successes.parquet").unlink()
    with pytest.raises(ShardError, match=r"cannot be read: .*b\.org"):
        shards.find()
    (tmp_path / "ignored.csv").write_text("server_name\na.org\nb.org:80\n")
    with pytest.raises(InputError, match="there is no shard"):
        shards.find()


def flip(hashed: npt.NDArray[np.uint64], bits: list[int]) -> npt.NDArray[np.uint64]:
    flipped = hashed.copy()
    for bit in bits:
        flipped[bit // 64] ^= np.uint64(1 << (bit % 64))
    return flipped


def bits_between(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(one ^ other).sum())


@st.composite
def some_hashes(draw: st.DrawFn) -> npt.NDArray[np.uint64]:
    """Hashes of which many are near to one another: a few seeds with some bits flipped."""
    seeds = np.random.default_rng(draw(st.integers(0, 10**6))).integers(0, 2**64, (3, 4), np.uint64)
    flips = st.lists(st.integers(0, 255), max_size=40, unique=True)
    return np.array(
        [flip(seeds[draw(st.integers(0, 2))], draw(flips)) for _ in range(draw(st.integers(0, 12)))], np.uint64
    ).reshape(-1, 4)


@given(some_hashes(), st.integers(0, MOST_BITS))
def test_all_near_pairs_are_found_and_no_other(hashes: npt.NDArray[np.uint64], most_bits: int) -> None:
    pairs = [(i, j, bits_between(hashes[i], hashes[j])) for j in range(len(hashes)) for i in range(j)]
    expected = [pair for pair in pairs if pair[2] <= most_bits]
    assert [tuple(pair) for pair in near_pairs(hashes, most_bits).tolist()] == expected


def test_a_distance_that_is_not_found_for_certain_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 31"):
        near_pairs(np.zeros((1, 4), np.uint64), MOST_BITS + 1)


@given(some_hashes(), st.integers(0, MOST_BITS))
@settings(max_examples=20)
def test_near_duplicates_repeat_the_first_that_is_kept(
    tmp_path_factory: pytest.TempPathFactory, hashes: npt.NDArray[np.uint64], most_bits: int
) -> None:
    folder = tmp_path_factory.mktemp("hashes")
    shards = Shards(folder, ["", "", ""])
    rows = defaultdict(list)
    for number, hashed in enumerate(hashes):
        shard = SHARDS[number * 3 // len(hashes)]
        quality = 20 if number == 2 else 80
        rows[shard].append({"uuid": f"u{number}", "hash_pdq": hashed.tobytes().hex(), "quality": quality})
    for shard in SHARDS[:3]:
        unreadable = {"uuid": f"{shard.server}-x", "hash_pdq": None, "quality": None}
        write_table(table_in(folder, shard), pa.Table.from_pylist([*rows[shard], unreadable], PDQ_HASHES))
    collection = Collection.of(folder / "manifest.parquet", Path("none"), [], lambda shard: table_in(folder, shard))
    kept: list[int] = []
    expected = []
    for number in range(len(hashes)):
        main = next((one for one in kept if bits_between(hashes[one], hashes[number]) <= most_bits), None)
        if number == 2:
            continue
        if main is None:
            kept.append(number)
        else:
            expected.append((f"u{number}", f"u{main}", bits_between(hashes[main], hashes[number])))
    target = folder / "duplicates.parquet"
    find_near_duplicates(collection, shards.verdicts, target, most_bits=most_bits, least_quality=50, **LIMITS)
    found = pq.read_table(target).to_pylist()
    assert [(row["uuid"], row["main_uuid"], row["distance"]) for row in found] == expected
