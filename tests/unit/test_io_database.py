"""Names of files in SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from treeline.io.database import quote_path
from treeline.io.delimited import Dialect, delimited_rows
from treeline.io.parquet import write_table


@pytest.mark.parametrize("name", ["a*b", "a?b", "[ab]", "**", "it's", "a{b,c}", "a[!x]b]", "]["])
def test_a_file_is_read_alone_whatever_its_name(tmp_path: Path, name: str) -> None:
    for other in (name, "aXb", "a", "b", "ab", "b]"):
        folder = tmp_path / other
        folder.mkdir()
        (folder / f"{other}.csv").write_text(f"name\n{other}\n")
        write_table(folder / f"{other}.parquet", pa.table({"name": [other]}))
    rows = delimited_rows(tmp_path / name / f"{name}.csv", Dialect(("name",), ";", '"'))
    assert duckdb.connect().execute(f"FROM {rows}").fetchall() == [(name,)]
    file = tmp_path / name / f"{name}.parquet"
    found = duckdb.connect().execute(f"SELECT name, filename FROM read_parquet({quote_path(file)}, filename = true)")
    assert found.fetchall() == [(name, str(file))]
