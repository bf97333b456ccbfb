"""Tables on disk hold what is put into them, and say when there is no room."""

from __future__ import annotations

import errno
import sqlite3

import numpy as np
import pandas as pd
import pytest

from treeline.io.disk_tables import disk_tables, put_frame, read_frame, read_numbers, read_pieces


def test_frames_are_read_as_they_were_put() -> None:
    times = pd.to_datetime(["2026-05-31 23:59:59.75", None, "1999-01-02 00:00:00.00"])
    frame = pd.DataFrame({"time": times, "name": ["Ä", None, ""], "value": [0.1, np.nan, 2**60], "unknown": 1})
    with disk_tables() as database:
        database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, value, name, time, kind DEFAULT 'new')")
        put_frame(database, "things", frame)
        put_frame(database, "things", frame.iloc[:0])
        assert database.execute("SELECT * FROM things").fetchall() == [
            (1, 0.1, "Ä", "2026-05-31 23:59:59", "new"),
            (2, None, None, None, "new"),
            (3, 2.0**60, "", "1999-01-02 00:00:00", "new"),
        ]
        assert read_frame(database, "SELECT id, value FROM things WHERE id < 2").to_dict("list") == {
            "id": [1],
            "value": [0.1],
        }


def test_many_rows_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treeline.io.disk_tables.PIECE_ROWS", 3)
    with disk_tables() as database:
        database.execute("CREATE TABLE numbers (number)")
        put_frame(database, "numbers", pd.DataFrame({"number": range(8)}))
        pieces = [piece["number"].tolist() for piece in read_pieces(database, "SELECT * FROM numbers")]
        assert pieces == [[0, 1, 2], [3, 4, 5], [6, 7]]
        assert read_numbers(database, "SELECT number FROM numbers").tolist() == list(range(8))
        [none] = read_pieces(database, "SELECT * FROM numbers WHERE number > 8")
        assert none.empty and list(none) == ["number"]


def test_a_full_disk_is_told_from_other_faults() -> None:
    with pytest.raises(OSError, match="TMPDIR") as raised, disk_tables() as database:
        database.execute("PRAGMA max_page_count = 3")
        database.execute("CREATE TABLE texts (text)")
        put_frame(database, "texts", pd.DataFrame({"text": ["x" * 9000] * 9}))
    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(sqlite3.OperationalError, match="no such table"), disk_tables() as database:
        database.execute("SELECT * FROM texts")
