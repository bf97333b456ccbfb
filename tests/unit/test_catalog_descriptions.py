"""Several sources describe one data set: together where they can, and with an error or a warning where they cannot."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog_content import ROUND_TRIPS, content, rows
from treeline.catalog.ingest import build, ingest
from treeline.catalog.queries import QueryError
from treeline.catalog.reading import check_query, open_harmless
from treeline.catalog.sources import Source
from treeline.errors import InputError

KEY = "?se=2031-01-01T07%3A59%3A00Z&sp=rl&sig=first_secret"
NOTHING: dict[str, Any] = {"storage_account": "", "path_prefix": "", "access": [], "comment": ""}
DESCRIBED: dict[str, Any] = {
    "dataset_name": "caltech",
    "container": "images",
    "container_sas_key": KEY,
    **NOTHING,
}
MERGED = "SELECT storage_account, access, comment, properties FROM datasets"


def described(folder: Path, name: str, *, is_strict: bool = True, **more: Any) -> Source:
    return all_described(folder, name, {"caltech": more}, is_strict=is_strict)


def all_described(folder: Path, name: str, datasets: dict[str, dict[str, Any]], *, is_strict: bool = True) -> Source:
    file = folder / f"{name}.json"
    described = [{**DESCRIBED, "dataset_name": dataset, **more} for dataset, more in datasets.items()]
    file.write_text(json.dumps(described), encoding="utf-8")
    return Source(name, "megadb", file, is_strict=is_strict)


def take_in(catalog: Path, *sources: Source) -> None:
    for source in sources:
        ingest(catalog, source, memory_mb=1024, threads=1)


def put_together(catalog: Path, *sources: Source) -> None:
    build(catalog, sources, memory_mb=1024, threads=1)


def test_parts_make_a_whole(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    one = described(tmp_path, "one", access=["public"], license="CC0", season=None)
    other = described(tmp_path, "other", storage_account="lila", comment="far", license="CC0", season="wet", area=3)
    take_in(catalog, one, other)
    whole = ("lila", ["public"], "far", '{"area":3,"license":"CC0","season":"wet"}')
    assert rows(catalog, MERGED) == [whole]
    take_in(catalog, described(tmp_path, "other", area=4))
    assert rows(catalog, MERGED) == [("", ["public"], "", '{"area":4,"license":"CC0","season":null}')]
    put_together(catalog, one)
    assert rows(catalog, MERGED) == [("", ["public"], "", '{"license":"CC0","season":null}')]


FIELDS = {
    "storage_account": st.sampled_from(["", "lila"]),
    "access": st.sampled_from([[], ["public", "web"], ["web", "public"]]),
    "comment": st.sampled_from(["", "far"]),
    "license": st.sampled_from([None, "CC0"]),
    "area": st.sampled_from([{}, {"ha": 3}]).filter(bool),
}


PARTS = st.fixed_dictionaries({}, optional=FIELDS)


@settings(ROUND_TRIPS, max_examples=2)
@given(st.lists(st.tuples(PARTS, PARTS), min_size=20, max_size=20))
def test_order_of_what_agrees_does_not_matter(parts: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    with TemporaryDirectory() as name:
        sources = [
            all_described(Path(name), f"source{number}", {f"cams{place}": one for place, one in enumerate(column)})
            for number, column in enumerate(zip(*parts, strict=True))
        ]
        take_in(Path(name) / "a.duckdb", *sources)
        take_in(Path(name) / "b.duckdb", *reversed(sources))
        query = "SELECT * EXCLUDE (access, ingest), list_sort(access) FROM datasets ORDER BY dataset"
        assert rows(Path(name) / "a.duckdb", query) == rows(Path(name) / "b.duckdb", query)


CONTRADICTIONS = {
    "license": ("CC0", "CC-BY-4.0"),
    "access": (["public"], ["private"]),
    "container": ("a", "b"),
    "path_prefix": ("", "x"),
    "comment": ("at ?sig=first_secret", "at ?sig=second_secret"),
    "container_sas_key": ("?sig=first_secret", "?sig=second_secret"),
}


def test_contradiction_is_an_error(tmp_path: Path) -> None:
    """It names both sources and the field, and what each of them says, less the keys."""
    catalog = tmp_path / "catalog.duckdb"
    one, other = (
        all_described(tmp_path, name, {field: {field: values[place]} for field, values in CONTRADICTIONS.items()})
        for place, name in enumerate(("one", "other"))
    )
    take_in(catalog, one)
    before = content(catalog)
    with pytest.raises(InputError, match=r"other\.json.*\n.*description_contradicts: 6 violations"):
        take_in(catalog, other)
    with (tmp_path / "other.violations.csv").open(encoding="utf-8", newline="") as report:
        told = {row["path"]: row["value"] for row in csv.DictReader(report)}
    assert told == {
        f"dataset '{field}', field '{field}'": f"'other' says {mine}, 'one' says {theirs}"
        for field, mine, theirs in (
            ("license", '"CC-BY-4.0"', '"CC0"'),
            ("access", '["private"]', '["public"]'),
            ("container", '"b"', '"a"'),
            ("path_prefix", '"x"', '""'),
            ("comment", '"at ?sig=(hidden)"', '"at ?sig=(hidden)"'),
            ("container_sas_key", "(a key)", "(a key)"),
        )
    }
    assert content(catalog) == before


def test_compat_warns_and_keeps_the_older(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, described(tmp_path, "one", license="CC0"))
    with caplog.at_level(logging.WARNING):
        take_in(catalog, described(tmp_path, "other", is_strict=False, license="CC-BY-4.0", area=3))
    assert "description_contradicts: 1 warning" in caplog.text
    assert "'other' says \"CC-BY-4.0\", 'one' says \"CC0\"" in caplog.text
    assert rows(catalog, MERGED) == [("", [], "", '{"area":3,"license":"CC0"}')]


def test_a_correction_changes_what_its_source_said(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, described(tmp_path, "one", license="CC0"), described(tmp_path, "other", area=3))
    take_in(catalog, described(tmp_path, "one", license="CC-BY-4.0"))
    assert rows(catalog, MERGED) == [("", [], "", '{"area":3,"license":"CC-BY-4.0"}')]


def test_all_sources_corrected_at_once(tmp_path: Path) -> None:
    """What is about to be replaced, or to go, contradicts nothing; what stays does, and what has been corrected."""
    catalog = tmp_path / "catalog.duckdb"
    put_together(catalog, *(described(tmp_path, name, license="CC0") for name in ("one", "other", "gone")))
    put_together(catalog, *(described(tmp_path, name, license="CC-BY-4.0") for name in ("one", "other")))
    assert rows(catalog, MERGED) == [("", [], "", '{"license":"CC-BY-4.0"}')]
    corrected = described(tmp_path, "one", license="PD")
    with pytest.raises(InputError, match="'other' says"):
        put_together(catalog, corrected, Source("other", "megadb", tmp_path / "other.json"))
    with pytest.raises(InputError, match="'one' says"):
        put_together(
            catalog,
            corrected,
            described(tmp_path, "other", license="PD", area=1),
            described(tmp_path, "third", license="CC0"),
        )


def test_description_of_a_data_set_without_images_goes_with_its_source(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, described(tmp_path, "one"))
    take_in(catalog, described(tmp_path, "one", dataset_name="nacti"))
    assert rows(catalog, "SELECT dataset FROM datasets") == [("nacti",)]
    assert rows(catalog, "SELECT dataset FROM descriptions") == [("nacti",)]


def test_no_query_gives_a_key(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, described(tmp_path, "one"))
    assert rows(catalog, "SELECT container_sas_key FROM descriptions") == [(KEY,)]
    with open_harmless(catalog, memory_mb=1024, threads=1) as connection:
        assert "first_secret" not in str(connection.execute("FROM descriptions").fetchall())
        with pytest.raises(QueryError, match="is a secret"):
            check_query(connection, "SELECT container_sas_key FROM catalog.main.descriptions")
