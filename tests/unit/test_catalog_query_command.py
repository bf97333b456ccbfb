"""`treeline query`: what it refuses, and what it says; nothing that it is given can do harm."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tests.catalogs import SECRET, collection, write_catalog
from treeline.catalog.queries import QueryError, all_queries, find_query
from treeline.catalog.reading import check_query, open_harmless
from treeline.cli import app
from treeline.errors import TreelineError

HARM = [
    "",
    "SELECT 1; SELECT 2",
    "INSERT INTO splits VALUES ('caltech', 'x', 'train') RETURNING *",
    "DELETE FROM images",
    "DROP TABLE images",
    "COPY images TO 'stolen.csv'",
    "EXPORT DATABASE 'stolen'",
    "ATTACH 'other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "CREATE TEMP TABLE mine AS SELECT 1",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM a_variable_of_this_test",
    "SELECT container_sas_key FROM datasets",
    "SELECT * FROM catalog.datasets",
    "SELECT one FROM catalog.main.datasets AS one",
    "SELECT to_json(one) FROM catalog.datasets AS one",
    "FROM query_table('catalog.datasets')",
    "SELECT * FROM query('FROM catalog.datasets')",
    "SUMMARIZE catalog.datasets",
    "SELECT dataset FROM catalog.datasets WHERE Container_SAS_Key LIKE '?se%'",
    "WITH x AS MATERIALIZED (FROM catalog.datasets) SELECT max(COLUMNS(*))::VARCHAR FROM x",
    "SELEKT 1",
    "SELECT $1",
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("catalog"), collection())


@pytest.fixture(scope="module")
def connection(catalog: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_harmless(catalog, memory_mb=1024, threads=1) as connection:
        yield connection


def run(catalog: Path, *arguments: str) -> str:
    """Run the command, and give what it prints."""
    result = CliRunner().invoke(app, ["query", *arguments, "--catalog", str(catalog)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("sql", HARM)
def test_harm_is_refused(catalog: Path, connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    a_variable_of_this_test = pa.table({"x": [1]})
    before = catalog.read_bytes()
    with pytest.raises((QueryError, duckdb.PermissionException)) as error:
        connection.execute(check_query(connection, sql))
    assert SECRET not in str(error.value)
    assert catalog.read_bytes() == before
    assert a_variable_of_this_test


def test_locked(connection: duckdb.DuckDBPyConnection) -> None:
    """Even past the check, the connection writes nothing and opens no file."""
    for statement in ("DELETE FROM images", "COPY (SELECT 1) TO 'x.csv'", "SET enable_external_access = true"):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM images",
        "WITH x AS (SELECT * FROM datasets) SELECT count(*) AS n FROM x -- all of them",
        "FROM (VALUES (1), (2)) AS t (n);",
        "SELECT 'a;b' AS n /* ; */ ;",
        "SELECT dataset AS n FROM image_facts WHERE boxes > 1",
    ],
)
def test_own_sql(catalog: Path, sql: str) -> None:
    assert " n " in run(catalog, "--sql", sql)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["image"], ["no query image", "images"]),
        (["zzz"], ["no query zzz", "totals"]),
        (["images", "--clas", "bear"], ["takes no --clas", "--class"]),
        (["totals", "--dataset", "x"], ["takes no --dataset"]),
        (["public-images"], ["needs --class"]),
        (["newest_images", "--count", "many"], ["--count", "a whole number", "'many'"]),
        (["images", "--class"], ["--class", "value"]),
        (["images", "stray"], ["stray"]),
        (["images", "--class", "a", "--class", "b"], ["twice"]),
        ([], ["name of a query"]),
        (["--dataset", "caltech", "images"], ["name of a query first"]),
        (["totals", "--sql", "SELECT 1"], ["neither a name", "totals"]),
        (["--sql", "SELECT 1", "--dataset=x"], ["nor parameters", "--dataset=x"]),
        (["totals", "--out", "x.xlsx"], ["x.xlsx", ".parquet"]),
        (["--sql", "SELECT * FROM imges"], ["imges", "images"]),
        (["--sql", "SELECT CAST(file AS INTEGER) FROM images"], ["Conversion", "jpg"]),
        (["images", "--split", "val"], ["no splits", "treeline catalog split"]),
    ],
)
def test_refusals(catalog: Path, arguments: list[str], words: list[str]) -> None:
    with pytest.raises(TreelineError) as error:
        CliRunner().invoke(app, ["query", *arguments, "--catalog", str(catalog)], catch_exceptions=False)
    assert all(word in str(error.value) for word in words), error.value


def test_values_are_data(catalog: Path) -> None:
    for value in ("' OR true --", "$dataset"):
        assert "0 rows" in run(catalog, "images", "--class", value)
        assert "0 rows" in run(catalog, "images", f"--dataset={value}")


def test_terminal_shows_some_rows_and_says_how_many_more(catalog: Path) -> None:
    shown = run(catalog, "images", "--dataset", "caltech")
    count = int(shown.splitlines()[-1].partition(" rows")[0])
    assert f"{count - 20} more are not shown" in shown
    assert shown.count("caltech/") == 20


def test_file(catalog: Path, tmp_path: Path) -> None:
    target = tmp_path / "boxes.csv"
    assert f"{target}: " in run(catalog, "annotated_images", "--out", str(target))
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["bbox"][0] + row["bbox"][-1] for row in rows} == {"[]"}
    assert any('"category":"animal"' in row["bbox"] for row in rows)
    first = target.read_bytes()
    run(catalog, "annotated_images", "--out", str(target))
    assert target.read_bytes() == first


def test_list_names_all_with_what_they_take() -> None:
    output = CliRunner().invoke(app, ["query", "--list"]).output
    for query in all_queries():
        assert query.name in output
        assert query.description in output
        assert query.description.endswith(".")
        assert all(f"{one.option} " in output and one.meaning in output for one in query.parameters)
    assert find_query("public-images").name == "public_images"


def test_show_sql_can_be_asked_again(catalog: Path) -> None:
    sql = run(catalog, "images", "--class", "bear", "--show-sql")
    assert run(catalog, "--sql", sql) == run(catalog, "images", "--class", "bear")


def test_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(TreelineError, match="no such file"):
        run(tmp_path / "absent.duckdb", "totals")


def test_secrets_are_not_shown(catalog: Path, tmp_path: Path) -> None:
    target = tmp_path / "datasets.json"
    shown = run(catalog, "datasets") + run(catalog, "--sql", "FROM datasets")
    shown += run(catalog, "datasets", "--out", str(target))
    assert "do-not-show" not in shown + target.read_text(encoding="utf-8")
