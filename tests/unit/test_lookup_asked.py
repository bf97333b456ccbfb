"""A query's result is a lookup table: its images come out of the shards, with its columns beside them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.catalogs import collection, write_catalog
from tests.tiny_shards import TAXONOMY, paths_below, raw_pixels, write_manifest, write_shard
from treeline.catalog.database import open_to_read, open_to_write
from treeline.cli import app
from treeline.errors import InputError
from treeline.extract.batch import Limits, extract_batch
from treeline.io.parquet import write_table
from treeline.lookup.scan import scan_shards
from treeline.lookup.tables import create_lookup_tables
from treeline.paths import Paths

UUIDS = [f"u{number}" for number in range(40)]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Two shards of 20 images, scanned."""
    paths = paths_below(tmp_path / "results")
    for partition in range(2):
        uuids = UUIDS[20 * partition : 20 * partition + 20]
        write_shard(paths.shard("a.org", partition) / "successes.parquet", uuids, [f"id-{uuid}" for uuid in uuids])
    write_manifest(paths, [("a.org", partition, 20) for partition in range(2)])
    scan_shards(
        paths.manifest, paths.ignored, paths.images, paths.lookup_images, root=paths.root, memory_mb=512, threads=1
    )
    return paths


def look_up(paths: Paths, definition: str) -> list[Path]:
    file = paths.root / "mine.yaml"
    file.write_text(f"description: mine\n{definition}", encoding="utf-8")
    create_lookup_tables(
        paths, [file], taxonomy=TAXONOMY, metadata=None, detections=None, max_files=1, memory_mb=512, threads=1
    )
    return sorted(paths.lookup_manifest("mine").parent.glob("group_id=*/lookup.parquet"))


def test_from_query_to_images(paths: Paths, tmp_path: Path) -> None:
    catalog, asked = write_catalog(tmp_path, collection()), tmp_path / "bears.parquet"
    with open_to_write(catalog, memory_mb=512, threads=1) as connection:
        connection.execute("UPDATE images SET uuid = 'u' || image")
    query = ["query", "images", "--class", "bear", "--catalog", str(catalog), "--out", str(asked)]
    assert CliRunner().invoke(app, query, catch_exceptions=False).exit_code == 0
    batches = look_up(paths, f"table: {asked}\n")
    found: dict[str, bytes] = {}
    for number, batch in enumerate(batches):
        folder = tmp_path / f"extracted{number}"
        reports = (tmp_path / f"{number}.csv", tmp_path / f"{number}.missing.csv")
        counts = extract_batch(batch, paths.root, folder, *reports, limits=Limits(1024, 10**9), memory_mb=512)
        assert counts.missing == 0
        for part in folder.glob("*.parquet"):
            for row in pq.ParquetFile(part).read().to_pylist():
                assert "bear" in row["class"]
                assert row["dataset"] in ("caltech", "nacti", "nacti_private")
                found[row["uuid"]] = row["image"]
    with open_to_read(catalog, memory_mb=512, threads=1) as connection:
        rows = connection.execute("SELECT uuid FROM image_facts WHERE list_contains(class, 'bear')").fetchall()
    expected = {uuid for (uuid,) in rows} & set(UUIDS)
    assert found == {uuid: raw_pixels(uuid) for uuid in expected}
    assert len(batches) == 2


def test_columns_and_choice(paths: Paths, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = tmp_path / "it's [mine].parquet"
    columns = {
        "uuid": ["u1", "u2", "u39", None, "absent"],
        "path": ["x"] * 5,
        "class": ["a"] * 5,
        "boxes": [1, 2, 3, 4, 5],
    }
    write_table(table, pa.table(columns))
    [first, second] = look_up(paths, f'table: "{table}"\nwhere: boxes > 1\n')
    rows = [row for batch in (first, second) for row in pq.ParquetFile(batch).read().to_pylist()]
    assert [list(row) for row in rows] == [["uuid", "source_id", "class", "boxes", "path"]] * 2
    assert [(row["uuid"], row["source_id"], row["boxes"]) for row in rows] == [("u2", "id-u2", 2), ("u39", "id-u39", 3)]
    assert all((paths.root / row["path"]).is_file() for row in rows)
    assert "2 of 5 rows" in caplog.text
    assert paths.lookup_report.read_text(encoding="utf-8").splitlines()[1] == "mine,40,0,2,0,2,2,2"


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("table: absent.parquet\n", ["absent.parquet", "no such file"]),
        ("table: TABLE\nwhere: nonsense > 1\n", ["'where'", "nonsense"]),
        ("table: TABLE\ncolumns: [boxes]\n", ["'columns'", "all columns of a table are kept"]),
        ("table: TABLE\nsample: {stratify_by: nonsense, seed: 1, fractions: {a: 1.0}}\n", ["no column", "nonsense"]),
        ("table: WRONG\n", ["wrong.parquet", "'uuid'", "missing"]),
        ("table: 3\n", ["'table'"]),
        ("", ["'where'", "required"]),
    ],
)
def test_refusals(paths: Paths, tmp_path: Path, definition: str, words: list[str]) -> None:
    write_table(tmp_path / "table.parquet", pa.table({"uuid": ["u1"], "boxes": [1]}))
    write_table(tmp_path / "wrong.parquet", pa.table({"id": ["u1"]}))
    filled = definition.replace("TABLE", str(tmp_path / "table.parquet")).replace(
        "WRONG", str(tmp_path / "wrong.parquet")
    )
    with pytest.raises(InputError) as error:
        look_up(paths, filled)
    assert all(word in str(error.value) for word in words), error.value
