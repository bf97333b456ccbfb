"""Credits of subsets: each row and each number, against what is worked out row by row."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from tests.licensed_collections import Collection, Credit, credit, make_collection
from treeline.cli import app
from treeline.errors import InputError
from treeline.io.credits.table import CREDITS
from treeline.io.datasets.metadata import Metadata, write_metadata
from treeline.io.parquet import write_table
from treeline.io.tar import tar_writer

BY_UUID = ("01234567-89ab-cdef-0123-456789abcdef", "11234567-89ab-cdef-0123-456789abcdef")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("credits")
    made = make_collection(folder / "results")
    settings = {"path_to_input": "table.csv", "path_to_output": str(made.paths.root), "stages": ["urls"]}
    (folder / "table.csv").write_text("identifier\n")
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, "path_to_input": str(folder / "table.csv")}))
    return made


@pytest.fixture
def config(collection: Collection) -> str:
    return str(collection.paths.root.parent / "config.yaml")


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["credits", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def credits_of(config: str, target: Path, *what: object) -> list[Credit]:
    run(*what, "--out", target, "--config", config)
    return list(pq.read_table(target).to_pylist())


def expected(collection: Collection, uuids: Iterable[str]) -> list[Credit]:
    return [credit(uuid, collection.rows[uuid]) for uuid in sorted(uuids)]


def subset_of(collection: Collection) -> list[str]:
    return sorted(collection.rows)[::3]


def test_the_collection_is_credited_row_by_row(collection: Collection, config: str, tmp_path: Path) -> None:
    rows = credits_of(config, tmp_path / "all.parquet")
    assert rows == expected(collection, collection.rows)
    assert list(rows[0]) == list(CREDITS)
    reasons = Counter(row["lacks"] for row in rows)
    assert len(reasons) > 5 and None in reasons, "the collection has nothing of a kind: the test would prove nothing"


def test_every_format_has_the_same_rows_and_the_lacking_ones_are_listed(
    collection: Collection, config: str, tmp_path: Path
) -> None:
    table = tmp_path / "subset.parquet"
    write_table(table, pa.table({"uuid": subset_of(collection)}))
    targets = [tmp_path / f"credits.{suffix}" for suffix in ("csv", "json", "parquet")]
    printed = run(table, *(part for target in targets for part in ("--out", target)), "--config", config)
    wanted = expected(collection, subset_of(collection))
    assert json.loads(targets[1].read_text()) == pq.read_table(targets[2]).to_pylist() == wanted
    assert read_csv(targets[0]) == [[value or "" for value in row.values()] for row in wanted]
    lacking = [[value or "" for value in row.values()] for row in wanted if row["lacks"]]
    assert read_csv(tmp_path / "credits.unlicensed.csv") == lacking
    for reason, images in Counter(row["lacks"] or "nothing" for row in wanted).items():
        assert re.search(rf"{reason} +{images}\b", printed)


def read_csv(file: Path) -> list[list[str]]:
    with file.open(newline="") as opened:
        header, *rows = csv.reader(opened)
    assert header == list(CREDITS)
    return rows


class Items(HTMLParser):
    """Texts and links of a page's list items."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.items: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.items += [""] if tag == "li" else []
        self.links += [str(dict(attributes)["href"])] if tag == "a" else []

    def handle_data(self, data: str) -> None:
        if self.items and self.tags[-1] in ("li", "a"):
            self.items[-1] += data


@pytest.mark.parametrize("suffix", ["txt", "md", "html"])
def test_a_text_says_of_each_image_once_whose_it_is(
    collection: Collection, config: str, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"credits.{suffix}"
    run("--out", target, "--config", config)
    text = target.read_text(encoding="utf-8")
    rows = expected(collection, collection.rows)
    facts = ("lacks", "creator", "rights_holder", "license", "license_url", "source")
    groups = Counter(tuple(row[name] for name in facts) for row in rows)
    if suffix == "html":
        page = Items()
        page.feed(text)
        lines = page.items
        assert set(page.links) == {group[4] for group in groups if group[4]}
        assert "b" not in page.tags
    else:
        lines = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
        assert sum(line.startswith("#") for line in text.splitlines()) == (suffix == "md")
    assert [int(line.split()[0].replace(",", "")) for line in lines] == [
        images for _, images in sorted(groups.items(), key=lambda item: (item[0][0] is not None, -item[1]))
    ]
    assert sum(int(line.split()[0]) for line in lines) == len(rows)
    complete = sum(row["lacks"] is None for row in rows)
    assert f"{complete} images" in text and f"{len(rows) - complete} images cannot" in text
    plain = [re.sub(r"\\(.)", r"\1", line) for line in lines]
    if suffix == "txt":
        assert any(
            "by Ann, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/), from A Museum" in line for line in lines
        )
    assert any("Bo *the* [great] <b> # two" in line for line in plain)


@pytest.mark.parametrize("kind", ["lookup folder", "extracted folder", "CSV", "uuids in a data set", "repeated rows"])
def test_a_subset_may_be_named_in_any_way(collection: Collection, config: str, tmp_path: Path, kind: str) -> None:
    uuids = subset_of(collection)
    columns: dict[str, Any] = {"uuid": uuids, "path": [collection.shards[uuid] for uuid in uuids]}
    what = tmp_path / "subset"
    if kind == "CSV":
        what = tmp_path / "subset.csv"
        what.write_text("uuid,other\n" + "".join(f"{uuid},x\n" for uuid in uuids))
    elif kind == "repeated rows":
        what = tmp_path / "subset.parquet"
        write_table(what, pa.table({"uuid": [*uuids, *uuids]}))
    elif kind == "uuids in a data set":
        what = tmp_path / "subset.parquet"
        write_table(what, pa.table({**columns, "dataset": ["mine"] * len(uuids), "file": [f"{u}.jpg" for u in uuids]}))
    else:
        name = "lookup.parquet" if kind == "lookup folder" else "part-00000.parquet"
        for number in range(2):
            half = {column: values[number::2] for column, values in columns.items()}
            write_table(what / f"group_id={number}" / name, pa.table(half))
        write_table(what / "category=Plant" / "part-00000.parquet", pa.table(columns))
    assert credits_of(config, tmp_path / "credits.parquet", what) == expected(collection, uuids)
    again = run(what, "--config", config)
    assert (f"{len(uuids)} of {2 * len(uuids)} rows name an image again" in again) == (kind == "repeated rows")


def test_a_subset_says_itself_what_the_collection_does_not_know(
    collection: Collection, config: str, tmp_path: Path
) -> None:
    known, silent = "a0-000", "a0-004"
    assert credit(silent, collection.rows[silent])["creator"] is None
    answer = {
        "dataset": ["caltech", "caltech", None, None, None],
        "file": ["img/1.jpg", "img/2.jpg", None, None, None],
        "uuid": [None, None, known, silent, "nowhere"],
        "license": ["CDLA-permissive 1.0", None, "CC BY 4.0", "CC BY 4.0", None],
        "rights_holder": ["Caltech", None, None, None, None],
        "recordedBy": [None, None, "Di", "Di", "Di"],
    }
    write_table(tmp_path / "answer.parquet", pa.table(answer))
    rows = credits_of(config, tmp_path / "credits.parquet", tmp_path / "answer.parquet")
    by_name = {row["file"] or row["uuid"]: row for row in rows}
    assert by_name[known] == credit(known, collection.rows[known])
    given = {**collection.rows[silent], "recordedBy": "Di"}
    assert by_name[silent] == credit(silent, given)
    assert by_name["caltech/img/1.jpg"] == {
        **dict.fromkeys(CREDITS),
        "file": "caltech/img/1.jpg",
        "rights_holder": "Caltech",
        "license": "CDLA Permissive 1.0",
        "license_id": "CDLA-Permissive-1.0",
        "license_url": "https://cdla.dev/permissive-1-0/",
        "license_given": "CDLA-permissive 1.0",
    }
    lacks = "not in the collection; no licence given"
    assert by_name["caltech/img/2.jpg"]["lacks"] == f"{lacks}; no creator"
    assert (by_name["nowhere"]["creator"], by_name["nowhere"]["lacks"]) == ("Di", lacks)


def test_datasets_and_training_sets_are_credited(collection: Collection, config: str, tmp_path: Path) -> None:
    uuids = subset_of(collection)[:6]
    index = pd.DataFrame({"id": range(7), "image_path": [*(f"train/{uuid}.jpg" for uuid in uuids), "img_1.png"]})
    kept = pd.DataFrame({"id": range(7), "license": [*[""] * 6, "MIT"], "photographer": [*[""] * 6, "Eve"]})
    write_metadata(
        Metadata("set", "multiclass", (), {"index": index, "additional": kept}), tmp_path / "set/metadata.h5"
    )
    coco = {
        "licenses": [{"id": 1, "name": "MIT"}],
        "images": [
            *({"id": number, "file_name": f"mine/{uuid}.jpg"} for number, uuid in enumerate(uuids)),
            {"id": 9, "file_name": "img_1.png", "license": 1, "rights_holder": "Eve"},
        ],
    }
    (tmp_path / "coco/annotations").mkdir(parents=True)
    (tmp_path / "coco/annotations/instances_train.json").write_text(json.dumps(coco))
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops/crops.csv").write_text("path\n")
    with tar_writer(tmp_path / "crops/train-00000.tar") as archive:
        for uuid in [*uuids, uuids[0]]:
            archive.add(f"{uuid}-000.json", json.dumps({"file": f"{uuid}.jpg", "dataset": "mine"}).encode())
        archive.add("x-000.json", json.dumps({"file": "img_1.png", "license": "MIT", "rights_holder": "Eve"}).encode())
    for what in ("set", "coco", "crops"):
        *rows, foreign = credits_of(config, tmp_path / f"{what}.parquet", tmp_path / what)
        names = [str(row.pop("file")) for row in rows]
        wanted = expected(collection, uuids)
        assert rows == [{name: value for name, value in row.items() if name != "file"} for row in wanted]
        assert all(uuid in name for uuid, name in zip(uuids, names, strict=True))
        assert (foreign["uuid"], foreign["file"], foreign["license_id"]) == (None, "img_1.png", "MIT")
        assert (foreign["creator"] or foreign["rights_holder"], foreign["lacks"]) == ("Eve", None)


def test_crops_of_an_image_are_one_image(collection: Collection, config: str, tmp_path: Path) -> None:
    table = {"file": [f"train/{BY_UUID[0]}-{number:03d}.jpg" for number in range(3)] + [f"{BY_UUID[1]}.png"]}
    write_table(tmp_path / "crops.parquet", pa.table(table))
    rows = credits_of(config, tmp_path / "credits.parquet", tmp_path / "crops.parquet")
    assert [row["uuid"] for row in rows] == list(BY_UUID)


def test_a_shard_without_its_batch_speaks_for_itself(collection: Collection, config: str, tmp_path: Path) -> None:
    shard = collection.paths.root / "elsewhere/from_before.parquet"
    told = pa.table({"uuid": ["old", "old"], "identifier": ["u", "u"], "license": ["CC0"] * 2, "title": ["t", "t"]})
    write_table(shard, told)
    uuids = ["old", "a0-000", "gone"]
    paths = ["elsewhere/from_before.parquet", collection.shards["a0-000"], "elsewhere/gone.parquet"]
    write_table(tmp_path / "subset.parquet", pa.table({"uuid": uuids, "path": paths}))
    rows = credits_of(config, tmp_path / "credits.parquet", tmp_path / "subset.parquet")
    shard.unlink()
    assert [(row["uuid"], row["license_id"], row["title"]) for row in rows][1:] == [
        ("gone", None, None),
        ("old", "CC0-1.0", "t"),
    ]
    assert rows[0] == credit("a0-000", collection.rows["a0-000"])


def test_the_same_subset_makes_the_same_bytes(collection: Collection, config: str, tmp_path: Path) -> None:
    contents = []
    for number, threads in enumerate((1, 3)):
        targets = [tmp_path / f"{number}.{suffix}" for suffix in ("csv", "parquet", "md")]
        run(*(part for target in targets for part in ("--out", target)), "--config", config, "--threads", threads)
        contents.append([target.read_bytes() for target in [*targets, tmp_path / f"{number}.unlicensed.csv"]])
    assert contents[0] == contents[1]
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".parquet", ".md"}, "nothing else is left behind"


def test_a_large_subset_comes_in_parts_and_has_the_same_rows(
    collection: Collection, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuids = subset_of(collection)
    names = {"uuid": [*uuids, None, None, uuids[0]], "file": [None] * len(uuids) + ["d/1.jpg", "e/1.jpg", None]}
    write_table(tmp_path / "subset.parquet", pa.table(names))
    whole = credits_of(config, tmp_path / "whole.parquet", tmp_path / "subset.parquet")
    monkeypatch.setattr("treeline.io.credits.table.ROWS_OF_A_PART", 7)
    contents = []
    for threads in (1, 3):
        target = tmp_path / f"{threads}.parquet"
        run(tmp_path / "subset.parquet", "--out", target, "--config", config, "--threads", threads)
        contents.append(target.read_bytes())
    assert contents[0] == contents[1]
    parts = pq.read_table(tmp_path / "1.parquet").to_pylist()
    assert parts != whole and sorted(map(str, parts)) == sorted(map(str, whole))
    assert len(whole) == len(uuids) + 2
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".parquet"}, "no part is left behind"


def test_without_a_target_it_is_printed(collection: Collection, config: str) -> None:
    printed = run("--config", config)
    assert printed.startswith("Credits\n=======\n")
    assert "more lines: a file has all" in printed


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [
        ("nothing", (), ["nothing", "no such file or folder"]),
        ("empty", (), ["empty", "no table of images"]),
        ("table.parquet", (), ["table.parquet", "'uuid'", "'file'", "number"]),
        ("nameless.csv", (), ["nameless.csv", "1 of 2 rows"]),
        ("torn.csv", (), ["torn.csv", "row 2", "malformed"]),
        ("text.parquet", (), ["text.parquet", "cannot be read"]),
        ("picture.jpg", (), ["picture.jpg", "unknown format", ".csv"]),
        ("broken", (), ["instances_train.json", "COCO"]),
        ("good.csv", ("--out", "credits.docx"), ["credits.docx", "unknown", ".md"]),
        ("good.csv", ("--out", "credits.md", "--unlicensed", "x.md"), ["x.md", "unknown", ".csv"]),
    ],
)
def test_refusals(config: str, tmp_path: Path, what: str, options: tuple[str, ...], words: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    write_table(tmp_path / "table.parquet", pa.table({"number": [1]}))
    for name, text in {
        "nameless.csv": "uuid,file\na,\n,\n",
        "torn.csv": "uuid,file\na,b\nc,d,e\n",
        "good.csv": "uuid\na\n",
        "text.parquet": "text",
        "picture.jpg": "",
        "broken/annotations/instances_train.json": "[1, 2",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    placed = [str(tmp_path / option) if "." in option else option for option in options]
    with pytest.raises(InputError) as error:
        run(tmp_path / what, *placed, "--config", config)
    assert all(word in str(error.value) for word in words), error.value
    assert not (tmp_path / "credits.md").exists()


def test_nothing_downloaded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("identifier\n")
    values = {"path_to_input": str(tmp_path / "table.csv"), "path_to_output": str(tmp_path / "out"), "stages": ["urls"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="nothing has been downloaded"):
        run("--config", tmp_path / "config.yaml")
