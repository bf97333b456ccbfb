"""What the configuration may ask of the catalogue, and the splits that its build draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from tests.catalogs import collection
from treeline.catalog.cli import app
from treeline.errors import ConfigError
from treeline.settings import catalog_targets, read_settings

IMAGES = {"bears": {"query": "images", "parameters": {"class": "bear"}}}


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    table = tmp_path / "urls.csv"
    table.write_text("identifier\n")
    return {"path_to_input": str(table), "path_to_output": "out", "stages": ["urls", "download"]}


@pytest.mark.parametrize(
    ("catalog", "key", "reason"),
    [
        ({"splits": {"train": 0.9}}, "catalog.splits", "must add up to 1"),
        ({"splits": {"train": 1.2, "val": -0.1, "test": -0.1}}, "catalog.splits.train", "less than or equal to 1"),
        ({"splits": {"seed": "1"}}, "catalog.splits.seed", "valid integer"),
        ({"queries": {"../x": {"query": "images"}}}, "catalog.queries", "pattern"),
        ({"queries": {"a": {}}}, "catalog.queries.a", "either query or sql"),
        ({"queries": {"a": {"query": "images", "sql": "SELECT 1"}}}, "catalog.queries.a", "either query or sql"),
        ({"queries": {"a": {"sql": "SELECT 1", "parameters": {"x": 1}}}}, "catalog.queries.a", "sql takes none"),
        ({"queries": {"a": {"query": "imagse"}}}, "catalog.queries.a", "Did you mean images"),
        ({"queries": {"a": {"query": "images", "parameters": {"clas": "x"}}}}, "catalog.queries.a", "--class"),
        ({"queries": {"a": {"query": "public_images"}}}, "catalog.queries.a", "needs --class"),
        ({"queries": {"a": {"query": "newest_images", "parameters": {"count": "x"}}}}, "catalog.queries.a", "number"),
        ({"queries": {"a": {"sql": "SELECT nope FROM images"}}}, "catalog.queries.a", "nope"),
        ({"queries": {"a": {"sql": "DROP TABLE images"}}}, "catalog.queries.a", "not one SELECT"),
        ({"queries": {"a": {"sql": "FROM read_csv('/etc/passwd')"}}}, "catalog.queries.a", "disabled"),
        ({"queries": {"a": {"sql": "SELECT container_sas_key FROM datasets"}}}, "catalog.queries.a", "container_sas"),
        ({"exports": {"a": {"format": "coco"}}}, "catalog.exports.a.format", "'megadb'"),
        (
            {"exports": {"a": {"format": "lila", "with_secrets": True}}},
            "catalog.exports.a",
            "lila takes no with_secrets",
        ),
        ({"exports": {"a": {"format": "camtrap-dp", "datasets": ["x", "y"]}}}, "catalog.exports.a", "one data set"),
        ({"exports": {"a": {"format": "camtrap-dp", "locations": "no.csv"}}}, "exports.a.locations", "no such file"),
        ({"training_sets": {"a": {"kind": "yolo"}}}, "catalog.training_sets.a.kind", "'detector'"),
        ({"training_sets": {"a": {"kind": "detector", "query": "b"}}}, "catalog", "queries has no b; there are: none"),
        ({"training_sets": {"a": {"kind": "detector", "seed": 1}}}, "catalog.training_sets.a", "takes no seed"),
        (
            {"training_sets": {"a": {"kind": "crops", "val": 0.5, "test": 0.5}}},
            "training_sets.a",
            "nothing for training",
        ),
        ({"training_sets": {"a": {"kind": "crops", "labels": "no.yaml"}}}, "training_sets.a.labels", "no such file"),
        ({"training_sets": {"a": {"kind": "crops", "images": None}}}, "catalog", "a.images: the set needs images"),
        ({"dataset": None, "training_sets": {"a": {"kind": "detector"}}}, "catalog", "a.images: the set needs images"),
        ({"training_sets": {"a": {"kind": "huggingface"}}}, "catalog.training_sets.a", "needs one"),
        (
            {"queries": {"a": {"query": "totals"}}, "training_sets": {"b": {"kind": "crops", "query": "a"}}},
            "catalog.training_sets.b.query",
            "no column dataset and no file",
        ),
    ],
)
def test_a_wrong_block_is_refused_by_key_and_reason(
    good: dict[str, Any], catalog: dict[str, Any], key: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings({**good, "catalog": catalog})
    assert any(key in line and reason in line for line in str(refused.value).splitlines())


def test_what_is_made_of_the_catalogue_has_its_place(good: dict[str, Any]) -> None:
    assert catalog_targets(read_settings(good)) == {}
    catalog = {
        "splits": {},
        "queries": {
            **IMAGES,
            "trained-on": {"sql": "SELECT {'a': 1} AS a FROM images_in_splits WHERE split = 'train'"},
        },
        "exports": {"all": {"format": "megadb", "unhoist": True, "with_secrets": True}},
        "training_sets": {
            "bears": {"kind": "detector", "query": "bears", "placement": "none", "images": None},
            "cards": {"kind": "huggingface", "title": "Bears", "confidence": 1},
        },
    }
    folder = Path("out/catalog")
    assert catalog_targets(read_settings({**good, "catalog": catalog})) == {
        "leakage": folder / "leakage.json",
        "queries/bears": folder / "queries/bears.parquet",
        "queries/trained-on": folder / "queries/trained-on.parquet",
        "exports/all": folder / "exports/all",
        "training/bears": folder / "training/bears",
        "training/cards": folder / "training/cards",
    }


def test_a_build_gives_splits_to_those_that_have_none(tmp_path: Path) -> None:
    catalog, found = tmp_path / "catalog.duckdb", []
    for size, seed in ((20, 1), (20, 2), (120, 3)):
        (tmp_path / "few.json").write_text(json.dumps(collection(sequences=size)))
        sources = [{"name": "few", "format": "megadb", "path": str(tmp_path / "few.json")}]
        splits = {"train": 0.5, "val": 0.25, "test": 0.25, "seed": seed}
        options = ["--sources", json.dumps(sources), "--splits", json.dumps(splits)]
        result = CliRunner().invoke(app, ["build", str(catalog), *options])
        assert result.exit_code == 0, result.output
        with duckdb.connect(str(catalog), read_only=True) as connection:
            found.append(set(connection.execute("FROM splits").fetchall()))
            unsplit = """
                SELECT DISTINCT dataset, location FROM sequences WHERE location IS NOT NULL
                EXCEPT SELECT dataset, location FROM splits
            """
            assert connection.execute(unsplit).fetchall() == []
    assert found[0] == found[1] < found[2]


@pytest.mark.parametrize("splits", ["no JSON", '{"train": 0.9}'])
def test_splits_that_are_none_are_refused_before_anything_is_ingested(tmp_path: Path, splits: str) -> None:
    result = CliRunner().invoke(app, ["build", str(tmp_path / "catalog.duckdb"), "--sources", "[]", "--splits", splits])
    assert result.exit_code == 2
    assert "--splits" in result.output
    assert not (tmp_path / "catalog.duckdb").exists()
