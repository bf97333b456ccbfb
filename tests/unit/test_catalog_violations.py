"""An invalid source is refused with all that is wrong with it, whatever it holds; the catalogue is left as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from treeline.catalog.check import check
from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.catalog.violations import InvalidSourceError
from treeline.cli import app
from treeline.errors import InputError

GOOD = {"dataset": "caltech", "seq_id": "x", "class": ["deer"], "images": [{"file": "x.jpg"}]}


def write(folder: Path, content: object, name: str = "file.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def take_in(catalog: Path, file: Path, *, is_strict: bool = True) -> None:
    ingest(catalog, Source("it/s", "megadb", file, is_strict=is_strict), memory_mb=1024, threads=1)


def count(catalog: Path, table: str) -> int:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def test_all_of_a_hundred_thousand(tmp_path: Path) -> None:
    bad = [
        {**GOOD, "seq_id": f"s{number}", "class": ["Deer"], "images": [{"file": f"{number}/{i}.gif"} for i in range(3)]}
        for number in range(100_000 // 7)
    ]
    file, catalog = write(tmp_path, bad), tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, [GOOD], "good.json"))
    with pytest.raises(InvalidSourceError) as error:
        take_in(catalog, file)
    assert count(catalog, "images") == 1
    expected = {"frame_num_missing": 3 * len(bad), "schema.pattern": 4 * len(bad)}
    assert error.value.violations.counts() == dict(sorted(expected.items(), key=lambda item: -item[1]))
    assert len(str(error.value)) < 3000
    report = tmp_path / "it%2Fs.violations.csv"
    assert str(report) in str(error.value)
    with report.open(encoding="utf-8", newline="") as opened:
        listed = list(csv.DictReader(opened))
    assert len(listed) == 7 * len(bad)
    assert {row["path"] for row in listed if row["rule"] == "frame_num_missing"} == {
        f"sequences[{number}] (seq_id 's{number}').images[{i}] (file '{number}/{i}.gif')"
        for number in range(len(bad))
        for i in range(3)
    }
    take_in(catalog, write(tmp_path, [GOOD], "good.json"))
    assert report.exists()  # nothing was read, so that the last list still tells
    take_in(catalog, write(tmp_path, [{**GOOD, "seq_id": "y"}], "good.json"))
    assert not report.exists()


def test_report_and_exit_code(tmp_path: Path) -> None:
    box = {"category": "animal", "bbox": [0.1, 0.2, "0.3", 0.4]}
    image = {"file": "y\n'1.jpg", "frame_num": 1, "bbox": [box]}
    file = write(tmp_path, [GOOD, {**GOOD, "seq_id": "y", "images": [image]}])
    for report in (tmp_path / "r.csv", tmp_path / "r.json"):
        outcome = CliRunner().invoke(app, ["catalog", "check", str(file), "--report", str(report)])
        assert isinstance(outcome.exception, InvalidSourceError)
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as opened:
        listed = list(csv.DictReader(opened))
    content = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert content["violations"] == listed
    assert content["errors"] == len(listed) == 2
    place = "sequences[1] (seq_id 'y').images[0] (file 'y\\n\\'1.jpg')"
    assert {row["rule"]: (row["path"], row["value"]) for row in listed} == {
        "schema.pattern": (f"{place}.file", '"y\\n\'1.jpg"'),
        "schema.type": (f"{place}.bbox[0].bbox[2]", '"0.3"'),
    }
    outcome = CliRunner().invoke(app, ["catalog", "check", str(write(tmp_path, [GOOD])), "--compat"])
    assert (outcome.exit_code, outcome.stdout) == (0, f"{file}: good\n")
    with pytest.raises(InputError, match=r"\.csv or \.json"):
        CliRunner().invoke(app, ["catalog", "check", str(file), "--report", "r.txt"], catch_exceptions=False)


def test_a_sequence_of_ten_thousand_images(tmp_path: Path) -> None:
    images = [{"file": f"{number}.jpg", "frame_num": number} for number in range(10_000)]
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, [{**GOOD, "images": images}]))
    assert count(catalog, "images") == 10_000
    images[5000]["frame_num"] = images[17]["file"] = 3
    with pytest.raises(InvalidSourceError, match=r"images\[5000\] \(file '5000.jpg'\)\.frame_num: 3"):
        take_in(catalog, write(tmp_path, [{**GOOD, "images": images}]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[{]",
        b"[{}] x",
        b"null",
        b"[NaN]",
        b'[{"dataset": "abc", "seq_id": "a", "images": [{"file": "a.jpg", "bbox": [{"bbox": [NaN, 0, 1, 1]}]}]}]',
        b"[1e999]",
        b"[99999999999999999999]",
        b"\xef\xbb\xbf[]",
        '[{"seq_id": "x"}]'.encode("utf-16"),
        b'[{"seq_id": "caf\xe9"}]',
        b'[{"seq_id": "\\ud800", "images": []}]',
        b"[" * 100_000,
        b'[{"seq_id": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001 + b"]",
        b"[" + b"[[],{}," * 3000 + b"1" + b"]" * 3000 + b"]",
    ],
)
def test_hostile_bytes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(InputError):
        take_in(tmp_path / "catalog.duckdb", file)
    assert check(file).errors > 0


def test_an_unreadable_file_tells_no_key(tmp_path: Path) -> None:
    file = tmp_path / "datasets.json"
    file.write_text('[{"dataset_name": "a", "container_sas_key": "?se=2030&sig=Xy42", x}]')
    with pytest.raises(InputError, match=r"\[0\]: is no JSON in UTF-8") as error:
        take_in(tmp_path / "catalog.duckdb", file)
    assert "Xy42" not in str(error.value)
    assert "Xy42" not in "".join(report.read_text() for report in tmp_path.glob("*.csv"))


KEYS = (
    "dataset",
    "seq_id",
    "images",
    "class",
    "location",
    "datetime",
    "dataset_name",
    "access",
    "train",
    "test",
    "videos",
)
NAMES = st.sampled_from(["caltech", "x", "a.jpg", "deer", "", "\0", "empty"])
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | NAMES
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["file", "bbox", "category", "\0"]), inner)
    ),
    max_leaves=8,
)
IMAGES = st.fixed_dictionaries(
    {"file": st.just("a.jpg") | ANYTHING},
    optional={key: ANYTHING for key in ("frame_num", "datetime", "class", "bbox", "location", "\0", "width", "uuid")},
)
BOXES = st.fixed_dictionaries(
    {"category": st.just("animal"), "bbox": st.just([0.1, 0.2, 0.3, 0.4]) | ANYTHING},
    optional={"class": ANYTHING, "confidence": ANYTHING, "more": ANYTHING},
)
SEQUENCES = st.fixed_dictionaries(
    {
        "dataset": st.just("caltech") | ANYTHING,
        "seq_id": st.just("x") | ANYTHING,
        "class": st.just(["deer"]) | ANYTHING,
        "images": st.lists(
            IMAGES | st.fixed_dictionaries({"file": st.just("b.jpg"), "bbox": st.lists(BOXES)}), max_size=2
        ),
    },
    optional={key: ANYTHING for key in ("location", "datetime", "rights_holder", "\0", "videos", "hoisted")},
)


@settings(max_examples=30, deadline=None)
@given(st.lists(SEQUENCES | st.dictionaries(st.sampled_from(KEYS), ANYTHING) | ANYTHING, max_size=3), st.booleans())
def test_hostile_values(content: list[Any], is_strict: bool) -> None:
    """What the check lets pass is taken in, and what it does not is refused, with no other error than these."""
    with TemporaryDirectory() as folder:
        file, catalog = write(Path(folder), content), Path(folder) / "catalog.duckdb"
        if check(file, is_strict=is_strict).errors:
            with pytest.raises(InvalidSourceError):
                take_in(catalog, file, is_strict=is_strict)
        else:
            take_in(catalog, file, is_strict=is_strict)
            assert count(catalog, "ingests") == 1


def test_the_same_names_in_two_sources(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, write(tmp_path, [GOOD]))
    other = Source("more", "megadb", write(tmp_path, [{**GOOD, "images": [{"file": "y.jpg"}]}], "more.json"))
    with pytest.raises(InvalidSourceError, match="dataset 'caltech', sequence 'x': is there from it/s"):
        ingest(catalog, other, memory_mb=1024, threads=1)
    assert (tmp_path / "more.violations.csv").is_file()
    assert count(catalog, "sequences") == 1


def test_compat_takes_what_megadb_takes(tmp_path: Path) -> None:
    box = {"category": "animal", "bbox": [0.9, 0.9, 0.9, 0.0], "class": ["deer"], "confidence": "high"}
    image = {"file": "/x.jpg", "datetime": "once", "class": ["empty", "deer"], "frame_num": 3.0, "bbox": [box]}
    file = write(tmp_path, [{**GOOD, "images": [image], "datetime": 5}])
    with pytest.raises(InvalidSourceError) as error:
        take_in(tmp_path / "strict.duckdb", file)
    strict_rules = {"box_beyond_image", "datetime", "empty_not_alone", "path_outside"}
    assert set(error.value.violations.counts()) == strict_rules  # not box_without_size: it is said to be a detector's
    catalog = tmp_path / "catalog.duckdb"
    take_in(catalog, file, is_strict=False)
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        [kept] = connection.execute("SELECT class, confidence, properties FROM boxes").fetchall()
    assert kept == (None, None, '{"class":["deer"],"confidence":"high"}')
