"""Group definitions: what is refused, and what the error says."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_shards import GROUPS, TAXONOMY, paths_below
from treeline.io.parquet import write_table
from treeline.lookup.groups import GroupError, read_groups
from treeline.lookup.tables import create_lookup_tables

IMAGES = pa.table(
    {
        "uuid": ["u1", "u2"],
        "source_id": ["1", "2"],
        "path": ["images/a", "images/a"],
        "original_size": [[1, 2], [3, 4]],
        "resized_size": [[1, 2], [3, 4]],
    }
)
METADATA = "gbifID,kingdom,publisher\n1,Animalia,Museum\n2,Plantae,Garden\n"


def look_up(folder: Path, group: str, metadata: str | None = METADATA) -> list[str]:
    """Make one group and give the uuids that it holds."""
    paths = paths_below(folder / "results")
    write_table(paths.lookup_images, IMAGES)
    file, table = folder / "mine.yaml", folder / "occurrence.csv"
    file.write_text(group)
    if metadata is not None:
        table.write_text(metadata)
    create_lookup_tables(
        paths,
        [file],
        taxonomy=TAXONOMY,
        metadata=table if metadata is not None else None,
        detections=None,
        max_files=1,
        memory_mb=512,
        threads=1,
    )
    batch = paths.lookup_batch("mine", 0)
    return pq.ParquetFile(batch).read()["uuid"].to_pylist() if batch.exists() else []


def group(where: str, more: str = "") -> str:
    return f"description: mine\nwhere: |\n  {where}\n{more}"


@pytest.mark.parametrize(
    ("where", "uuids"),
    [
        ("kingdom = 'Animalia'", ["u1"]),
        ("kingdom = 'Animalia' -- a remark", ["u1"]),
        ("original_size[1] > 2", ["u2"]),
        ("publisher IN {mine}", ["u2"]),
        ("NULL", []),
        ("true", ["u1", "u2"]),
        ("source_id IN (SELECT max(source_id) FROM (VALUES ('1'), ('2')) AS other (source_id))", ["u2"]),
    ],
)
def test_predicate_selects(tmp_path: Path, where: str, uuids: list[str]) -> None:
    assert look_up(tmp_path, group(where, 'lists: {mine: [Garden, "O\'Hara"]}')) == uuids


def test_group_without_metadata(tmp_path: Path) -> None:
    assert look_up(tmp_path, group("source_id = '2'"), metadata=None) == ["u2"]


@pytest.mark.parametrize(
    ("definition", "parts"),
    [
        (group("nonsense > 1"), ["'where'", '"nonsense"', "occurrence.csv"]),
        (group("true", "columns: [gone]"), ["'columns'", '"gone"', "occurrence.csv"]),
        (group("true", "sample: {stratify_by: gone, seed: 1, fractions: {a: 1}}"), ["'sample.stratify_by'", '"gone"']),
        (group("kingdom = "), ["'where'", "not one SQL expression"]),
        (group("no_such_function(kingdom)"), ["'where'", "no_such_function"]),
        (group("true; DROP TABLE joined"), ["'where'", "more than one statement"]),
        (group("true) OR (true"), ["'where'", "syntax error"]),
        (group("true) UNION SELECT * FROM joined WHERE (true"), ["'where'", "syntax error"]),
        (group("kingdom"), ["'where'", "true or false", "VARCHAR"]),
        (group("CAST(kingdom AS INTEGER) = 1"), ["'where'", "fails on a row", "Animalia"]),
        (group("kingdom IN {absent}"), ["'where'", "absent.yaml", "fish_orders"]),
        (group("true", "colums: []"), ["'colums'", "not permitted"]),
        (group("true", "lists: {a: []}"), ["'lists.a'", "at least 1 item"]),
        (group("true", "sample: {stratify_by: kingdom, seed: 1, fractions: {a: 2}}"), ["fractions.a", "less than"]),
        (group("true", "multiple_images: 1"), ["'multiple_images'", "boolean"]),
        ("description: mine\n", ["'where'", "required"]),
        ("- a\n", ["dictionary"]),
        ("a: [\n", ["is not YAML"]),
    ],
)
def test_refused_group_is_named_with_the_cause(tmp_path: Path, definition: str, parts: list[str]) -> None:
    with pytest.raises(GroupError) as caught:
        look_up(tmp_path, definition)
    for part in ("mine.yaml", "group mine", *parts):
        assert part in str(caught.value)
    assert not paths_below(tmp_path / "results").lookup_manifest("mine").exists()


def test_shipped_groups_need_metadata(tmp_path: Path) -> None:
    with pytest.raises(GroupError, match=r"basisOfRecord|lookup.metadata is not set"):
        look_up(tmp_path, (GROUPS / "museum_specimen_all.yaml").read_text(), metadata=None)


@pytest.mark.parametrize("name", ["a b", "ü", ".hidden", "a'b"])
def test_group_name_is_safe(tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.yaml"
    file.write_text(group("true"))
    with pytest.raises(GroupError, match="letters, digits"):
        read_groups([file], TAXONOMY)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1))
def test_list_values_are_quoted(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    file = tmp_path_factory.mktemp("group") / "mine.yaml"
    definition = {"description": "mine", "where": "v IN {mine}", "lists": {"mine": values}}
    file.write_text(yaml.safe_dump(definition, allow_unicode=True), encoding="utf-8")
    [read] = read_groups([file], TAXONOMY)
    rows = duckdb.connect().execute(f"SELECT count(*) FROM (SELECT unnest(?) AS v) WHERE {read.predicate}", [values])
    assert rows.fetchone() == (len(values),)
