from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.errors import InputError
from treeline.io.delimited import load_delimited, sniff_dialect, unique_names

Rows = list[tuple[str | None, ...]]


def load(file: Path, content: bytes) -> tuple[Rows, list[int]]:
    file.write_bytes(content)
    dialect = sniff_dialect(file)
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" VARCHAR' for name in dialect.columns)
        connection.execute(f"CREATE TABLE rows({columns})")
        malformed = load_delimited(connection, file, dialect, "rows", file.parent)
        return connection.execute("FROM rows").fetchall(), malformed


@pytest.mark.parametrize(
    ("name", "content", "rows", "malformed"),
    [
        ("a.csv", b'a,b\n1,"x, ""y""\nz"\n', [("1", 'x, "y"\nz')], []),
        ("a.csv", b"\xef\xbb\xbfa;b\n1;2\n", [("1", "2")], []),
        ("a.tsv", b'a\tb\n"x\ty"\n1\tthe "2"\n', [('"x', 'y"'), ("1", 'the "2"')], []),
        ("a.csv", b"a,b\n1,2,3\n4,5\n6\n7,8", [("4", "5"), ("7", "8")], [1, 3]),
        ("a.csv", b'a,b\n1,"x"y"\n4,5\n', [("4", "5")], [1]),
        ("a.csv", b"a,b\n1,\xff\xfe\n4,5\n", [("4", "5")], [1]),
        ("a.csv", b"a,b\n1,x\x00y\n", [("1", "x\x00y")], []),
        ("a.csv", b"a,b\n1," + b"x" * 10_000_000 + b"\n", [("1", "x" * 10_000_000)], []),
        ("a.csv", b"a,b\n1," + b"x" * 17_000_000 + b"\n4,5\n", [("4", "5")], [1]),
        ("a.csv", b"a,b\r\n1,2\n3\r\n4,5\n", [("1", "2"), ("4", "5")], [2]),
        ("a.csv", b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")], []),
        ("a.csv", b"a,b\n\n1,2\n\n", [("1", "2")], []),
    ],
    ids=["quoted", "bom", "tsv", "ragged", "quote", "utf8", "nul", "10MB", "17MB", "line-ends", "mac", "blank"],
)
def test_rows_are_read_or_counted_as_malformed(
    tmp_path: Path, name: str, content: bytes, rows: Rows, malformed: list[int]
) -> None:
    assert load(tmp_path / name, content) == (rows, malformed)


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_what_pythons_csv_writes_is_read_back(rows: Rows, line_end: str, tail: bool) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    content = text.getvalue() if tail else text.getvalue().removesuffix(line_end)
    with TemporaryDirectory() as folder:
        assert load(Path(folder) / "a.csv", content.encode()) == (rows, [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([b"1,2", b"1", b"1,2,3", b"\xff,2", b'"a,b",c']), min_size=1, max_size=40),
       st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=40, max_size=40))  # fmt: skip
def test_no_row_vanishes_whatever_ends_the_lines(lines: list[bytes], line_ends: list[bytes]) -> None:
    content = b"a,b\n" + b"".join(line + end for line, end in zip(lines, line_ends, strict=False))
    with TemporaryDirectory() as folder:
        rows, malformed = load(Path(folder) / "a.csv", content)
    assert len(rows) + len(malformed) == len(lines)
    assert malformed == [number for number, line in enumerate(lines, 1) if line not in (b"1,2", b'"a,b",c')]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfea\x00,\x00", b'"a\nb",c\n1,2\n'])
def test_a_file_without_a_header_line_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv.*(header|column)"):
        sniff_dialect(tmp_path / "a.csv")


def test_a_corrupt_compressed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(b"\x1f\x8bnot really gzip")
    with pytest.raises(InputError, match=r"a\.csv\.gz"):
        sniff_dialect(tmp_path / "a.csv.gz")


def test_every_column_gets_a_name_of_its_own() -> None:
    assert unique_names(["a", "A", "", "a", "a_1"]) == ("a", "A_1", "column_3", "a_2", "a_1_1")
