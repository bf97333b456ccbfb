"""The page of every file and column is made from what the code writes with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.described_files import TABLES, undescribed
from treeline.io.csv_tables import csv_text
from treeline.reference.files_page import FILES_FILE, files_text
from treeline.reference.table import COMMON, FileTable, untyped

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / FILES_FILE).read_text(encoding="utf-8") == files_text()


def test_every_column_has_a_meaning_and_every_file_one_entry() -> None:
    assert all(meaning for table in TABLES if table.is_explained for _, _, meaning in table.rows())
    assert all(table.what.endswith((".", ":")) for table in TABLES)
    assert max(Counter(table.path for table in TABLES).values()) == 1
    assert COMMON.keys() <= {name for table in TABLES for name in table.columns or ()}


def test_a_column_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        FileTable("x.csv", "A row.", untyped(("uuid", "colour"))).rows()
    with pytest.raises(KeyError, match="no column is called colour"):
        FileTable("x.csv", "A row.", untyped(("uuid",)), {"colour": "Of the eyes."}).rows()


def test_a_file_that_is_otherwise_than_described_is_found(tmp_path: Path) -> None:
    (tmp_path / "lookup" / "birds").mkdir(parents=True)
    (tmp_path / "lookup" / "birds" / "manifest.csv").write_text(csv_text(("group", "group_id", "rows", "paths"), []))
    assert undescribed(tmp_path) == []
    (tmp_path / "lookup" / "birds" / "manifest.csv").write_text(csv_text(("group", "rows"), []))
    (tmp_path / "lookup" / "notes.csv").write_text("a\n")
    assert [problem.partition(":")[0] for problem in undescribed(tmp_path)] == [
        "lookup/birds/manifest.csv",
        "lookup/notes.csv",
    ]
