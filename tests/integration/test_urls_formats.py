from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.url_tables import batch_rows, plain_rows, rejected_rows, run, tree, write_csv
from treeline.errors import InputError, TreelineError
from treeline.io.files import input_files

META = """<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">
  <core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
        rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
    <files><location>occurrence.txt</location></files>
    <id index="0" />
    <field index="0" term="http://rs.gbif.org/terms/1.0/gbifID"/>
    <field index="1" term="http://rs.tdwg.org/dwc/terms/basisOfRecord"/>
    <field index="2" term="http://purl.org/dc/terms/type"/>
    <field default="EPSG:4326" term="http://rs.tdwg.org/dwc/terms/geodeticDatum"/>
  </core>
  <extension encoding="ENCODING" fieldsTerminatedBy="DELIMITER" fieldsEnclosedBy='QUOTE' ignoreHeaderLines="1"
             rowType="http://rs.gbif.org/terms/1.0/Multimedia">
    <files><location>LOCATION</location></files>
    <coreid index="0" />
    <field index="1" term="http://purl.org/dc/terms/type"/>
    <field index="2" term="http://purl.org/dc/terms/identifier"/>
    <field index="3" term="http://purl.org/dc/terms/title"/>
  </extension>
</archive>"""
OCCURRENCES = (
    'gbifID\tbasisOfRecord\ttype\n1\tHUMAN_OBSERVATION\t"odd\n2\tMATERIAL_CITATION\tx\n3\tPRESERVED_SPECIMEN\ty\n'
)


def make_archive(
    target: Path, media: str, *, delimiter: str = "\\t", quote: str = "", encoding: str = "UTF-8", inner: str = "m.txt"
) -> Path:
    meta = META.replace("DELIMITER", delimiter).replace("QUOTE", quote).replace("LOCATION", inner)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meta.xml", meta.replace("ENCODING", encoding))
        archive.writestr("occurrence.txt", OCCURRENCES)
        archive.writestr(inner, media.encode("latin-1" if encoding == "ISO-8859-1" else "utf-8"))
    return target


UNQUOTED = (
    'coreid\ttype\tidentifier\ttitle\n1\tStillImage\thttp://a.org/1\t"Été" by the lake\n'
    "2\tStillImage\thttp://a.org/2\tcited\n3\tSound\thttp://a.org/3\tsong\n9\tStillImage\thttp://a.org/9\tno core\nx\n"
)
QUOTED = UNQUOTED.replace('"Été" by the lake', '"""Été"" by\tthe lake"').replace("\t", ",")


@pytest.mark.parametrize(
    ("media", "options", "title"),
    [
        (UNQUOTED, {}, '"Été" by the lake'),
        (QUOTED, {"delimiter": ",", "quote": '"'}, '"Été" by,the lake'),
        (UNQUOTED, {"encoding": "ISO-8859-1"}, '"Été" by the lake'),
        (UNQUOTED, {"inner": "../../m.txt"}, '"Été" by the lake'),
    ],
    ids=["unquoted", "quoted", "latin-1", "zip-slip"],
)
def test_a_darwin_core_archive_joins_media_with_occurrences(
    tmp_path: Path, media: str, options: dict[str, str], title: str
) -> None:
    archive = make_archive(tmp_path / "gbif.zip", media, **options)
    folder = run(archive, tmp_path / "out" / "urls", "gbif")
    rows = {row["source_id"]: row for row in batch_rows(folder)}
    assert list(rows) == ["1"]
    assert rows["1"]["title"] == title
    assert rows["1"]["basisOfRecord"] == "HUMAN_OBSERVATION"
    assert (rows["1"]["type"], rows["1"]["core_type"]) == ("StillImage", '"odd')
    assert rows["1"]["geodeticDatum"] == "EPSG:4326"
    assert [(row["source_id"], row["input_row"], row["reason"]) for row in rejected_rows(folder)] == [
        ("2", 2, "filtered_by_gbif"),
        ("3", 3, "filtered_by_gbif"),
        (None, 4, "filtered_by_gbif"),
        (None, 5, "malformed_row"),
    ]
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {
        "gbif.zip", "urls.parquet", "manifest.parquet", "rejected.parquet", "removed.parquet",
    }  # fmt: skip


def test_every_format_gives_the_same_batches(tmp_path: Path) -> None:
    rows = plain_rows(200)
    plain = write_csv(tmp_path / "in.csv", rows)
    expected = {path: data for path, data in tree(run(plain, tmp_path / "expected")).items()}
    tsv = "\n".join("\t".join(values) for values in [list(rows[0]), *(row.values() for row in rows)]).encode()
    (tmp_path / "in.tsv").write_bytes(tsv)
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "in.tsv.zst").write_bytes(zstandard.compress(tsv))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    for name in ("in.tsv", "in.csv.gz", "in.tsv.zst", "in.parquet"):
        assert tree(run(tmp_path / name, tmp_path / f"urls-{name}")) == expected, name


def test_files_with_different_columns_make_one_table(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    (tables / "deep").mkdir(parents=True)
    write_csv(tables / "a.csv", [{**row, "License": "cc0", "width": "wide"} for row in plain_rows(3)])
    write_csv(tables / "b.csv", [{"identifier": "", "source_id": "none"}])
    (tables / "b.csv").write_bytes((tables / "b.csv").read_bytes() + b"broken\r\n,last\r\n")
    table = pa.table({"identifier": ["http://p.org/x"], "source_id": [7], "width": [640], "height": [480]})
    pq.write_table(table, tables / "deep" / "c.parquet")
    (tables / "notes.md").write_text("no table")
    folder = run(tables, tmp_path / "urls")
    by_server = {row["identifier"]: row for row in batch_rows(folder)}
    assert by_server["http://p.org/x"] == {
        "uuid": by_server["http://p.org/x"]["uuid"], "identifier": "http://p.org/x", "source_id": "7",
        "license": None, "source": None, "title": None, "width": "640", "height": 480,
    }  # fmt: skip
    assert by_server["http://server0.org/0.jpg"]["license"] == "cc0"
    assert [(Path(row["input_file"]).name, row["input_row"], row["reason"]) for row in rejected_rows(folder)] == [
        ("b.csv", 1, "no_identifier"),
        ("b.csv", 2, "malformed_row"),
        ("b.csv", 3, "no_identifier"),
    ]
    assert len(batch_rows(run(tables / "[ab].csv", tmp_path / "globbed"))) == 3


def test_input_files_are_those_of_tables(tmp_path: Path) -> None:
    for name in ("b.CSV", "a.tsv.gz", "c.txt.zst", ".hidden.csv", "readme.md", "sub/d.parquet", ".git/e.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(file.relative_to(tmp_path)) for file in input_files(str(tmp_path))]
    assert found == ["a.tsv.gz", "b.CSV", "c.txt.zst", "sub/d.parquet"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "no table found"),
        ("a.csv", b"", "no header"),
        ("a.csv", b"identifier,source_id\n", "no rows"),
        ("a.csv", b"url,id\nx,y\n", r"a\.csv, field 'identifier': the column is missing; the input has: url, id"),
        ("a.csv", b"identifier,source_id,treeline_row\nx,y,1\n", "field 'treeline_row'"),
        ("a.parquet", b"PAR1 no", r"a\.parquet: is not a readable Parquet file"),
        ("a.zip", b"PK no", r"a\.zip: is not a readable Darwin Core archive"),
        ("a.csv.gz", b"\x1f\x8bno", r"a\.csv\.gz: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        run(tmp_path / name, tmp_path / "urls")


def test_an_archive_without_its_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("meta.xml", META.replace("ENCODING", "utf-8").replace("LOCATION", "missing.txt"))
    with pytest.raises(TreelineError, match=r"missing\.txt"):
        run(tmp_path / "a.zip", tmp_path / "urls")


def test_a_file_named_like_a_pattern_is_one_file(tmp_path: Path) -> None:
    for name, first in (("a*b.csv", 0), ("aXb.csv", 10)):
        write_csv(tmp_path / name, plain_rows(3, start=first))
    folder = run(tmp_path / "a*b.csv", tmp_path / "out")
    assert len(batch_rows(folder)) == 3
