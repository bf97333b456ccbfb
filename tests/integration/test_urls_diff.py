"""`treeline urls diff`: what a new table would change, said before anything is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml

from tests.url_tables import plain_rows, rejected_rows, removed_rows, run, tree, write_csv
from treeline.errors import InputError
from treeline.urls.diff import ServerDifference, compare_urls

OLD = [{"uuid": f"u{number}", **row} for number, row in enumerate(plain_rows(6))]
CHANGED = {**OLD[1], "identifier": "http://server1.org/other.jpg"}
REFUSED = {"uuid": "u9", "identifier": "ftp://server0.org/9.jpg", "source_id": "s9"}
NEW = [CHANGED, *OLD[2:], {"uuid": "u8", "identifier": "http://new.org/8.jpg", "source_id": "s8"}, REFUSED]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Batches of the old table; the new one is beside them."""
    write_csv(tmp_path / "new.csv", NEW)
    return run(write_csv(tmp_path / "old.csv", OLD), tmp_path / "results/urls")


def test_what_would_change_is_counted_and_nothing_is_written(tmp_path: Path, folder: Path) -> None:
    before = tree(tmp_path)
    difference = compare_urls(str(tmp_path / "new.csv"), folder, "plain")
    assert tree(tmp_path) == before
    assert difference.servers == [
        ServerDifference("new.org", added=1, kept=0, removed=0),
        ServerDifference("server0.org", added=0, kept=1, removed=1),
        ServerDifference("server1.org", added=0, kept=1, removed=1),
        ServerDifference("server2.org", added=0, kept=2, removed=0),
    ]
    assert difference.total[1:] == (1, 4, 2)
    assert difference.rejected == {"changed_url": 1, "unsupported_scheme": 1}


def test_it_is_what_comes_true(tmp_path: Path, folder: Path) -> None:
    difference = compare_urls(str(tmp_path / "new.csv"), folder, "plain")
    run(tmp_path / "new.csv", folder)
    assert len(removed_rows(folder)) == difference.total.removed
    assert len(rejected_rows(folder)) == sum(difference.rejected.values())
    after = compare_urls(str(tmp_path / "new.csv"), folder, "plain")
    assert after.total[1:] == (0, difference.total.added + difference.total.kept, difference.total.removed)


def test_without_batches_every_row_is_new_and_the_folder_is_not_made(tmp_path: Path) -> None:
    write_csv(tmp_path / "new.csv", NEW)
    assert compare_urls(str(tmp_path / "new.csv"), tmp_path / "urls", "plain").total[1:] == (6, 0, 0)
    assert not (tmp_path / "urls").exists()


@pytest.mark.parametrize("name", ["changes.parquet", "changes.csv"])
def test_changed_rows_are_written_where_asked(tmp_path: Path, folder: Path, name: str) -> None:
    compare_urls(str(tmp_path / "new.csv"), folder, "plain", changes=tmp_path / name)
    read = pq.read_table if name.endswith(".parquet") else pa_csv.read_csv
    assert [tuple(row.values()) for row in read(tmp_path / name).to_pylist()] == [
        ("u8", "http://new.org/8.jpg", "new.org", "added"),
        ("u0", "http://server0.org/0.jpg", "server0.org", "removed"),
        ("u1", "http://server1.org/1.jpg", "server1.org", "removed"),
    ]


def test_another_kind_of_file_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"changes\.json.*\.parquet"):
        compare_urls(str(tmp_path / "new.csv"), folder, "plain", changes=tmp_path / "changes.json")


def test_one_line_is_all_that_a_user_types(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"path_to_input": "old.csv", "stages": ["urls"]}))
    command = [sys.executable, "-m", "treeline", "urls", "diff", "--config", "my.yaml"]
    for options, total in (([], "all servers 0 6 0"), (["--input", "new.csv"], "all servers 1 4 2")):
        done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert total in [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "changed_url" in done.stdout


def test_credentials_are_in_no_table(tmp_path: Path) -> None:
    urls = ["http://u:secret@a.org/", "ftp://u:secret@a.org/", "http://u ser:secret@a.org/", "//u:secret@a.org/"]
    rows = [{"uuid": "", "identifier": url, "source_id": url[:3]} for url in urls]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls")
    identifiers = [row["identifier"] for row in rejected_rows(folder)]
    assert identifiers == ["http://***@a.org/", "ftp://***@a.org/", "http://***@a.org/", "//***@a.org/"]
