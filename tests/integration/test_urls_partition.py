from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.url_tables import (
    batch_files,
    batch_rows,
    manifest,
    plain_rows,
    reasons,
    rejected_rows,
    removed_rows,
    run,
    times,
    tree,
    write_csv,
)
from treeline.errors import ShardError
from treeline.io.parquet import sha256_of_file
from treeline.urls.check import UUID_NAMESPACE

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
URL = st.builds("http://{}/{}".format, st.sampled_from(["a.org", "b.org:80", "B.org", "é.org", ".."]), TEXT)
TABLE = st.lists(
    st.fixed_dictionaries(
        {"uuid": st.sampled_from(["", "", "u1", "u2", "../u"]), "source_id": TEXT, "identifier": URL | TEXT}
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TABLE, st.integers(1, 4))
def test_every_row_is_in_a_batch_or_rejected(rows: list[dict[str, str]], batch_size: int) -> None:
    with TemporaryDirectory() as name:
        folder = run(write_csv(Path(name) / "in.csv", rows), Path(name) / "urls", batch_size=batch_size)
        kept, rejected, batches = batch_rows(folder), rejected_rows(folder), manifest(folder)
        files = {file.resolve() for file in Path(name).rglob("*") if file.is_file()}
    assert len(kept) + len(rejected) == len(rows)
    assert len({(row["input_file"], row["input_row"]) for row in rejected}) == len(rejected)
    assert len({row["uuid"] for row in kept}) == len(kept)
    assert all(1 <= batch["rows"] <= batch_size for batch in batches)
    assert sum(batch["rows"] for batch in batches) == len(kept)
    assert len(files) == 1 + 3 + len(batches)
    given_uuids = {row["uuid"] for row in rows}
    for row in kept:
        name_of_row = f"{row['source_id'] or ''}\n{row['identifier']}"
        assert row["uuid"] in given_uuids or row["uuid"] == str(uuid5(UUID_NAMESPACE, name_of_row))


def test_threads_do_not_change_a_byte(tmp_path: Path) -> None:
    rows = plain_rows(30_000, servers=40)
    random.Random(1).shuffle(rows)
    table = write_csv(tmp_path / "in.csv", [*rows, *rows[:500]])
    one = run(table, tmp_path / "one", threads=1, batch_size=100)
    four = run(table, tmp_path / "four", threads=4, batch_size=100, memory_mb=400)
    assert tree(one) == tree(four)
    assert Counter(row["reason"] for row in rejected_rows(one)) == {"duplicate_uuid": 500}


def test_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    folder = run(write_csv(tmp_path / "in.csv", plain_rows(10, servers=2)), tmp_path / "urls", batch_size=2)
    listed = [(batch["server_name"], batch["partition_id"], batch["rows"]) for batch in manifest(folder)]
    expected = [("server0.org", 0, 2), ("server0.org", 1, 2), ("server0.org", 2, 1)]
    assert listed == expected + [("server1.org", *rest) for _, *rest in expected]
    assert [batch["sha256"] for batch in manifest(folder)] == [sha256_of_file(file) for file in batch_files(folder)]


HOSTILE = {
    "no_identifier": " ",
    "url_too_long": "http://a.org/" + "x" * 10_000_000,
    "server_name_too_long": f"http://{'abcdefg.' * 40}org/",
    **{f"unsupported_scheme {url}": url for url in ("file:///etc/x", "FTP://a.org/", "data:,x", "javascript:x")},
    **{f"credentials_in_url {url}": url for url in ("http://u:p@a.org/", "https://@a.org", "http://a.org\\@b.org/")},
    **{
        f"unparsable_url {url!r}": url
        for url in (
            "http://", "http:///x", "http:/a.org", "//a.org/x", "a.jpg", "http://../../etc", "http://a\\b/",
            "http://a b/", "http://a.org/\0", "http://a.org/x\ny", "http://a.org:99999/", "http://a.org:x/", "http://%2e%2e/",
            "http://\u2026/", "http://[::1", "http://a.org/\x7f",
        )
    },
    "excluded_server": "http://Excluded.org/x",
}  # fmt: skip


def test_a_hostile_table_ends_in_rejected_rows(tmp_path: Path) -> None:
    rows = [{"uuid": "", "identifier": url, "source_id": key} for key, url in HOSTILE.items()]
    rows += [
        {"uuid": uuid, "identifier": "http://good.org/x", "source_id": f"unsafe_uuid {number}"}
        for number, uuid in enumerate(["../x", "a/b", "a.b", "é", "-x", "x" * 129, "a\0"])
    ]
    rows += [{"uuid": "", "identifier": f" HTTP://Bücher.org:80/a b?q=é#{n}\t", "source_id": "good"} for n in range(2)]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls", excluded_servers=["excluded.ORG"])
    assert {key: key.split()[0] for key in reasons(folder)} == reasons(folder)
    assert len(reasons(folder)) == len(rows) - 2
    assert max(len(row["identifier"] or "") for row in rejected_rows(folder)) > 10_000_000
    assert [file.relative_to(folder).parts[0] for file in batch_files(folder)] == ["server_name=xn--bcher-kva.org"]
    assert {row["identifier"] for row in batch_rows(folder)} == {f"HTTP://Bücher.org:80/a b?q=é#{n}" for n in range(2)}


def test_adding_rows_touches_no_batch(tmp_path: Path) -> None:
    rows = plain_rows(25)
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls", batch_size=3)
    before, old = {path: data for path, data in tree(folder).items() if "=" in path}, times(folder)
    write_csv(tmp_path / "in.csv", [*plain_rows(10, start=100), *rows])
    run(tmp_path / "in.csv", folder, batch_size=4)
    after = tree(folder)
    assert {path: after[path] for path in before} == before
    assert {path: time for path, time in times(folder).items() if path in old} == old
    assert len(batch_rows(folder)) == 35 == sum(batch["rows"] for batch in manifest(folder))
    assert rejected_rows(folder) == removed_rows(folder) == []
    again = tree(folder)
    run(tmp_path / "in.csv", folder, batch_size=4)
    assert tree(folder) == again


def test_removed_and_changed_rows_are_reported_and_kept(tmp_path: Path) -> None:
    rows = [{"uuid": f"u{number}", **row} for number, row in enumerate(plain_rows(6))]
    folder = run(write_csv(tmp_path / "in.csv", rows), tmp_path / "urls")
    before = {path: data for path, data in tree(folder).items() if "=" in path}
    changed = {**rows[1], "identifier": "http://server1.org/other.jpg"}
    repeated = {**rows[2], "identifier": "http://server2.org/other.jpg"}
    run(write_csv(tmp_path / "in.csv", [changed, repeated, *rows[2:]]), folder)
    assert {path: data for path, data in tree(folder).items() if "=" in path} == before
    assert {row["uuid"]: row["reason"] for row in rejected_rows(folder)} == {
        "u1": "changed_url",
        "u2": "duplicate_uuid",
    }
    assert [(row["uuid"], row["server_name"]) for row in removed_rows(folder)] == [
        ("u0", "server0.org"),
        ("u1", "server1.org"),
    ]


def test_a_deleted_batch_is_written_again_as_it_was(tmp_path: Path) -> None:
    folder = run(write_csv(tmp_path / "in.csv", plain_rows(30)), tmp_path / "urls", batch_size=4)
    before = tree(folder)
    batch_files(folder)[1].unlink()
    assert tree(run(tmp_path / "in.csv", folder, batch_size=4)) == before


@pytest.mark.parametrize("damage", ["truncated", "foreign", "misplaced", "copied"])
def test_a_file_that_is_no_batch_is_named(tmp_path: Path, damage: str) -> None:
    folder = run(write_csv(tmp_path / "in.csv", plain_rows(9)), tmp_path / "urls")
    file = batch_files(folder)[0]
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "foreign":
        (folder / "manifest.parquet").rename(file)
    else:
        target = file.parent.with_name("partition_id=x" if damage == "misplaced" else "partition_id=7") / file.name
        target.parent.mkdir()
        target.write_bytes(file.read_bytes())
    with pytest.raises(ShardError, match="server0"):
        run(tmp_path / "in.csv", folder)
