from __future__ import annotations

from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from tests.url_tables import batch_rows, reasons, rejected_rows, run, write_csv
from treeline.errors import InputError

LICENSE = "http://creativecommons.org/licenses/by/4.0/"


def test_plain_needs_the_url_alone(tmp_path: Path) -> None:
    folder = run(write_csv(tmp_path / "in.csv", [{"identifier": "http://a.org/1"}]), tmp_path / "urls", "plain")
    (kept,) = batch_rows(folder)
    assert kept["source_id"] is None
    assert kept["uuid"] == str(uuid5(uuid5(NAMESPACE_URL, "treeline:urls"), "\nhttp://a.org/1"))


def test_gbif_keeps_still_images_and_names_the_occurrence(tmp_path: Path) -> None:
    rows = [
        ("1", "StillImage", "image/jpeg", "HUMAN_OBSERVATION", "http://a.org/1"),
        ("2", "", "image/png", "", "http://a.org/2"),
        ("3", "Sound", "audio/mpeg", "", "http://a.org/3"),
        ("4", "", "", "", "http://a.org/4"),
        ("5", "StillImage", "", "MATERIAL_CITATION", "http://a.org/5"),
        ("6", "StillImage", "", "", ""),
    ]
    names = ("gbifID", "type", "format", "basisOfRecord", "identifier")
    table = write_csv(tmp_path / "in.csv", [{**dict(zip(names, row, strict=True)), "license": LICENSE} for row in rows])
    folder = run(table, tmp_path / "urls", "gbif")
    assert {row["source_id"]: row["license"] for row in batch_rows(folder)} == {"1": LICENSE, "2": LICENSE}
    assert reasons(folder) == {**dict.fromkeys("345", "filtered_by_gbif"), "6": "no_identifier"}


def test_gbif_needs_no_optional_column_and_renames_a_clashing_one(tmp_path: Path) -> None:
    row = {"gbifID": "1", "type": "StillImage", "identifier": "http://a.org/1", "source_id": "publisher's"}
    folder = run(write_csv(tmp_path / "in.csv", [row]), tmp_path / "urls", "gbif")
    (kept,) = batch_rows(folder)
    assert (kept["source_id"], kept["input_source_id"]) == ("1", "publisher's")


def test_eol_renames_its_columns(tmp_path: Path) -> None:
    rows = [
        {"EOL content ID": number, "EOL Full-Size Copy URL": url, "License Name": "cc-by", "Copyright Owner": "Ann"}
        for number, url in (("1", "https://content.eol.org/1.jpg"), ("", "https://content.eol.org/2.jpg"), ("3", ""))
    ]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls", "eol")
    (kept,) = batch_rows(folder)
    assert [kept[name] for name in ("source_id", "identifier", "license", "owner")] == [
        "1", "https://content.eol.org/1.jpg", "cc-by", "Ann",
    ]  # fmt: skip
    assert reasons(folder) == {None: "filtered_by_eol", "3": "no_identifier"}


def test_fathomnet_keeps_valid_images_under_its_licence(tmp_path: Path) -> None:
    rows = [
        {"uuid": "f1", "url": "https://fathomnet.org/1.png", "valid": "True", "depth": "12"},
        {"uuid": "f2", "url": "https://fathomnet.org/2.png", "valid": "False", "depth": ""},
        {"uuid": "", "url": "https://fathomnet.org/3.png", "valid": "True", "depth": ""},
    ]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls", "fathomnet")
    (kept,) = batch_rows(folder)
    assert (kept["source_id"], kept["depth"], kept["uuid"][14]) == ("f1", "12", "5")
    assert kept["license"] == "https://creativecommons.org/licenses/by-nc-nd/4.0/legalcode"
    assert reasons(folder) == {"f2": "filtered_by_fathomnet", None: "filtered_by_fathomnet"}


def test_lila_takes_the_first_cloud_that_has_the_image(tmp_path: Path) -> None:
    urls = [
        ("http://gcp.org/1", "http://aws.org/1", ""),
        ("", "http://aws.org/2", ""),
        ("", "", ""),
        ("http://gcp.org/4",) * 3,
    ]
    rows = [
        {"image_id": str(number), "url_gcp": gcp, "url_aws": aws, "url_azure": azure, "original_label": label}
        for number, ((gcp, aws, azure), label) in enumerate(zip(urls, ["deer", "fox", "fox", "empty"], strict=True), 1)
    ]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls", "lila")
    assert {row["source_id"]: row["identifier"] for row in batch_rows(folder)} == {
        "1": "http://gcp.org/1",
        "2": "http://aws.org/2",
    }
    assert reasons(folder) == {"3": "no_identifier", "4": "filtered_by_lila"}


def test_tol_general_keeps_its_sources_and_leaves_servers_out(tmp_path: Path) -> None:
    rows = [
        {"uuid": f"t{number}", "data_source": source, "source_url": url, "source_id": str(number)}
        for number, (source, url) in enumerate(
            [("eol", "http://a.org/1"), ("bioscan", "http://a.org/2"), ("gbif", "https://Slow.org:443/3")]
        )
    ]
    table = write_csv(tmp_path / "in.csv", rows)
    options = {"data_sources": ["eol", "gbif"], "excluded_servers": ["slow.org"]}
    folder = run(table, tmp_path / "urls", "tol_general", **options)
    assert [(row["uuid"], row["identifier"]) for row in batch_rows(folder)] == [("t0", "http://a.org/1")]
    assert reasons(folder) == {"1": "filtered_by_tol_general", "2": "excluded_server"}


def test_a_sql_file_of_the_user_is_an_initializer(tmp_path: Path) -> None:
    query = tmp_path / "herbarium.sql"
    query.write_text(
        "-- required: photo, sheet\n-- optional: rights\n"
        "SELECT treeline_row, photo AS identifier, sheet AS source_id, rights AS license, 'H' AS source,\n"
        "       sheet <> '2' AS treeline_keep FROM input; -- the end\n".replace("; -- the end", ";")
    )
    table = write_csv(tmp_path / "in.csv", [{"photo": f"http://h.org/{n}", "sheet": str(n)} for n in range(4)])
    folder = run(table, tmp_path / "urls", str(query))
    assert [row["source"] for row in batch_rows(folder)] == ["H"] * 3
    assert [(row["identifier"], row["input_row"], row["reason"]) for row in rejected_rows(folder)] == [
        ("http://h.org/2", 3, "filtered_by_herbarium")
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT treeline_row, photo AS identifier FROM input", "field 'source_id': the query does not return"),
        ("SELECT photo AS identifier, sheet AS source_id FROM input", "field 'treeline_row'"),
        ("SELECT *, photo AS identifier, sheeet AS source_id FROM input", r"own\.sql: the query is refused.*sheeet"),
        ("SELEC", r"own\.sql: the query is refused"),
        ("SELECT *, photo AS identifier, sheet AS source_id FROM input LIMIT 1", "returned 1 rows, 1 of the input's 2"),
        (
            "SELECT * REPLACE (1 AS treeline_row), photo AS identifier, sheet AS source_id FROM input",
            "returned 2 rows, 1",
        ),
        ("-- required: colour\nSELECT * FROM input", "field 'colour': the column is missing"),
    ],
)
def test_a_query_that_breaks_the_contract_is_refused(tmp_path: Path, query: str, message: str) -> None:
    (tmp_path / "own.sql").write_text(query)
    table = write_csv(tmp_path / "in.csv", [{"photo": f"http://h.org/{n}", "sheet": str(n)} for n in range(2)])
    with pytest.raises(InputError, match=message):
        run(table, tmp_path / "urls", str(tmp_path / "own.sql"))


def test_an_unknown_initializer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gbiff: the initializer cannot be read.*plain, gbif"):
        run(write_csv(tmp_path / "in.csv", [{"identifier": "x", "source_id": "y"}]), tmp_path / "urls", "gbiff")
