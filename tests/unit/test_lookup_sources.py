"""What lookup reads: occurrence tables of every format, detections, and shards that are not whole."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_shards import TAXONOMY, paths_below, write_manifest, write_shard
from treeline.errors import InputError, ShardError
from treeline.io.database import open_database
from treeline.io.parquet import write_table
from treeline.lookup.scan import scan_shards
from treeline.lookup.tables import create_lookup_tables
from treeline.schemas import DETECTIONS

HEADER = ["gbifID", "kingdom", "eventRemarks"]
ROWS = [["1", "Animalia", '"quoted" at its start'], ["2", "", "plain"], ["3", "Plantae", ""]]
META = """<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="metadata.xml">
  <extension encoding="UTF-8" fieldsTerminatedBy="," rowType="http://rs.gbif.org/terms/1.0/Multimedia">
    <files><location>multimedia.txt</location></files><coreid index="0"/>
  </extension>
  <core encoding="utf-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
        rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
    <files><location>occurrence.txt</location></files>
    <id index="0"/>
    <field index="1" term="http://rs.tdwg.org/dwc/terms/kingdom"/>
    <field index="2" term="http://rs.tdwg.org/dwc/terms/eventRemarks"/>
    <field default="x" term="http://rs.tdwg.org/dwc/terms/phylum"/>
  </core>
</archive>"""


def tsv() -> bytes:
    return "".join("\t".join(row) + "\n" for row in [HEADER, *ROWS]).encode()


def csv_bytes() -> bytes:
    return pd.DataFrame(ROWS, columns=HEADER).to_csv(index=False).encode()


def write_metadata(file: Path) -> None:
    match file.suffixes:
        case [".parquet"]:
            rows = [[int(row[0]), *(value or None for value in row[1:])] for row in ROWS]
            pd.DataFrame(rows, columns=HEADER).to_parquet(file)
        case [".zip"]:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("meta.xml", META)
                archive.writestr("occurrence.txt", tsv())
        case [kind, *compression]:
            content = csv_bytes() if kind == ".csv" else tsv()
            if compression == [".gz"]:
                content = gzip.compress(content)
            elif compression == [".zst"]:
                content = zstandard.compress(content)
            file.write_bytes(content)


def look_up(root: Path, rows: list[tuple[str, str, str]], where: str = "true", **options: Any) -> pa.Table:
    """Make one group of images of (uuid, source_id, path) and give its rows with the batch of each."""
    paths = paths_below(root)
    columns = list(zip(*rows, strict=True))
    sizes = pa.array([[1, 1]] * len(rows), pa.list_(pa.int64()))
    names = ["uuid", "source_id", "path", "original_size", "resized_size"]
    write_table(paths.lookup_images, pa.table([*map(list, columns), sizes, sizes], names=names))
    group = root / "mine.yaml"
    group.write_text(f"description: mine\nwhere: |\n  {where}\n")
    defaults: dict[str, Any] = {"metadata": None, "detections": None, "max_files": 100}
    create_lookup_tables(paths, [group], taxonomy=TAXONOMY, memory_mb=2048, threads=1, **(defaults | options))
    files = sorted((paths.lookup / "mine").glob("*/lookup.parquet"))
    tables = [
        pq.ParquetFile(file).read().append_column("group_id", pa.array([int(file.parent.name[9:])] * count))
        for file in files
        for count in [pq.ParquetFile(file).metadata.num_rows]
    ]
    return pa.concat_tables(tables) if tables else pa.table({"uuid": [], "path": [], "group_id": []})


@pytest.mark.parametrize("name", ["o.csv", "o.csv.gz", "o.tsv", "o.txt", "o.tsv.zst", "o.parquet", "o.zip"])
def test_occurrence_table_of_every_format(tmp_path: Path, name: str) -> None:
    write_metadata(tmp_path / name)
    images = [(f"u{number}", str(number), "images/a") for number in range(5)]
    table = look_up(tmp_path, images, "kingdom <> 'Plantae'", metadata=tmp_path / name)
    assert table["uuid"].to_pylist() == ["u1"]  # of the others, the kingdom is NULL or another
    quoted = look_up(tmp_path, images, "eventRemarks = '\"quoted\" at its start'", metadata=tmp_path / name)
    assert quoted["uuid"].to_pylist() == ["u1"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("o.csv", b"key,kingdom\n1,a\n", "none of the columns source_id, gbifID, id; it has: key, kingdom"),
        ("o.csv.gz", b"nothing of the kind", "cannot be read"),
        ("o.parquet", b"nothing of the kind", "cannot be read"),
        ("o.xlsx", b"", "unknown format"),
        ("o.zip", b"", "not a readable Darwin Core archive"),
        ("gone.csv", None, "no such file"),
    ],
)
def test_bad_metadata_is_named(tmp_path: Path, name: str, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        look_up(tmp_path, [("u", "1", "p")], metadata=tmp_path / name)
    assert name in str(caught.value)


def test_malformed_occurrences_are_left_out_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "o.csv").write_bytes(b"id,kingdom\n1,a\n2,b,too many\n3,c\n")
    images = [(f"u{number}", str(number), "images/a") for number in (1, 2, 3)]
    table = look_up(tmp_path, images, metadata=tmp_path / "o.csv")
    assert dict(zip(table["uuid"].to_pylist(), table["kingdom"].to_pylist(), strict=True)) == {
        "u1": "a",
        "u2": None,
        "u3": "c",
    }
    assert "o.csv: 1 malformed rows left out, the first is row 2" in caplog.text


def test_duplicate_occurrences_multiply_nothing_and_are_reported(tmp_path: Path) -> None:
    rows = ["1,Plantae", "2,Fungi", "1,Animalia", "1,Animalia", "9,x", "9,y"]
    images = [("u1", "1", "p"), ("u2", "2", "p"), ("u3", "1", "p")]
    for order in (rows, rows[::-1]):
        (tmp_path / "o.csv").write_text("\n".join(["id,kingdom", *order]) + "\n")
        table = look_up(tmp_path, images, metadata=tmp_path / "o.csv")
        assert table.select(["uuid", "kingdom"]).to_pydict() == {
            "uuid": ["u1", "u2", "u3"],
            "kingdom": ["Animalia", "Fungi", "Animalia"],
        }
    reported = pq.read_table(tmp_path / "lookup" / "duplicate_source_ids.parquet").to_pylist()
    assert reported == [{"source_id": "1", "rows": 3}]


@pytest.mark.parametrize(
    ("where", "uuids"),
    [
        ("animal > 0.2", ["two"]),
        ("detections = 0", ["blank"]),
        ("person >= 0.9 AND detections = 2", ["two"]),
        ("animal < 0.2", ["blank", "car"]),
        ("detections IS NULL", ["failed", "unseen"]),
        ("max_confidence BETWEEN 0.4 AND 0.6", ["car"]),
    ],
)
def test_detections_can_be_asked_for(tmp_path: Path, where: str, uuids: list[str]) -> None:
    found = [
        ("two", None, "animal", 0.7),
        ("two", None, "person", 0.9),
        ("blank", None, None, None),
        ("failed", "Failure image access", None, None),
        ("car", None, "vehicle", 0.5),
    ]
    rows = [
        dict.fromkeys(DETECTIONS.names) | {"uuid": u, "failure": f, "category": c, "confidence": p}
        | {"server_name": "s", "partition_id": 0, "file": "f", "model": "m", "model_sha256": "0"}
        for u, f, c, p in found
    ]  # fmt: skip
    detections = tmp_path / "detections.parquet"
    write_table(detections, pa.Table.from_pylist(rows, schema=DETECTIONS))
    images = [(uuid, "1", "p") for uuid in ("two", "blank", "failed", "car", "unseen")]
    assert look_up(tmp_path, images, where, detections=detections)["uuid"].to_pylist() == uuids


FILES = st.lists(st.sampled_from([f"images/{letter}" for letter in "abcdefgh"]), min_size=1, max_size=30)


@settings(max_examples=10, deadline=None)
@given(FILES, st.integers(1, 5))
def test_a_path_never_spans_two_batches(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], max_files: int
) -> None:
    images = [(f"u{number:02}", "1", file) for number, file in enumerate(files)]
    table = look_up(tmp_path_factory.mktemp("batches"), images, max_files=max_files).to_pydict()
    numbers = {path: number // max_files for number, path in enumerate(sorted(set(files)))}
    assert table["group_id"] == [numbers[path] for path in table["path"]]
    assert sorted(zip(table["uuid"], table["path"], strict=True)) == sorted((u, p) for u, _, p in images)


def test_scan_lists_every_row_of_the_shards_that_are_asked_for(tmp_path: Path) -> None:
    paths = paths_below(tmp_path / "a 'quoted' folder")
    shards = [("a.org", 0, 2), ("b.org%3A80", 0, 1), ("c.org", 1, 1)]
    for server, partition, rows in shards:
        uuids = [f"{server[0]}{row}" for row in range(rows)]
        write_shard(paths.shard(server, partition) / "successes.parquet", uuids, uuids)
    write_manifest(paths, shards)
    paths.ignored.write_text("server_name\nc.org\n")
    scan: dict[str, Any] = {"root": paths.root, "memory_mb": 512, "threads": 1}
    scan_shards(paths.manifest, paths.ignored, paths.images, paths.lookup_images, **scan)
    assert duckdb.read_parquet(str(paths.lookup_images)).project("uuid, path").fetchall() == [
        ("a0", "images/server_name=a.org/partition_id=0/successes.parquet"),
        ("a1", "images/server_name=a.org/partition_id=0/successes.parquet"),
        ("b0", "images/server_name=b.org%3A80/partition_id=0/successes.parquet"),
    ]
    (paths.shard("a.org", 0) / "successes.parquet").write_bytes(b"half a")
    with pytest.raises(ShardError, match=r"server_name=a\.org/partition_id=0/successes\.parquet"):
        scan_shards(paths.manifest, paths.ignored, paths.images, paths.lookup_images, **scan)


def test_two_jobs_in_one_folder_share_no_scratch(tmp_path: Path) -> None:
    with open_database(tmp_path, "lookup", memory_mb=600, threads=1) as (_, one):
        (one / "lookup.parquet").touch()
        with open_database(tmp_path, "lookup", memory_mb=600, threads=1) as (_, other):
            assert list(other.glob("*.parquet")) == []
        assert (one / "lookup.parquet").exists()
    assert list(tmp_path.iterdir()) == []
