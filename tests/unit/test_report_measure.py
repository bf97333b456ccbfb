"""The report's tables as a whole: of folders in every state, the same bytes each time, and nothing secret."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline import tree
from tests.report_collections import GROUPS, Image, Made, Shard, request, write_collection
from tests.unit.test_report_flow import assert_adds_up
from treeline.errors import InputError
from treeline.report.facts.arrows import Arrow
from treeline.report.measure import measure
from treeline.report.tables import COLUMNS, read_tables
from treeline.settings import read_settings_file


def measured(made: Made) -> dict[str, pd.DataFrame]:
    settings = read_settings_file(made.config)
    return read_tables(measure(settings, made.config, memory_mb=1024, threads=1))


def summary(tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    return dict(zip(tables["summary"]["key"], tables["summary"]["value"], strict=True))


def arrows(tables: dict[str, pd.DataFrame], part: str) -> dict[tuple[str, str], int]:
    flow = [Arrow(**row) for row in tables["flow"].to_dict("records")]
    assert_adds_up(flow)
    return {(arrow.source, arrow.target): arrow.rows for arrow in flow if arrow.part == part}


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def table(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), file)


def test_of_nothing_but_a_manifest_all_is_waiting(tmp_path: Path) -> None:
    tables = measured(write_collection(tmp_path, [Shard("a.org", 0, "left"), Shard("b.org", 0, "left")], ["no_url"]))
    assert tables.keys() == COLUMNS.keys()
    assert arrows(tables, "images") == {
        ("rows of the input", "batched"): 10,
        ("rows of the input", "rejected: no_url"): 1,
        ("batched", "not downloaded yet"): 10,
    }
    known = summary(tables)
    assert [known[key] for key in ("rows", "rejected", "images", "errors", "not_done", "requests")] == [
        11,
        1,
        0,
        0,
        10,
        0,
    ]
    assert "images_per_second" not in known


def test_a_run_without_one_image(tmp_path: Path) -> None:
    errors = [(404, "HTTP 404 Not Found"), (404, "HTTP 404 Not Found"), (-1, "no answer")]
    sent = [request("a.org", second, 404) for second in range(4)]
    tables = measured(write_collection(tmp_path, [Shard(errors=errors, requests=sent)]))
    assert arrows(tables, "images") == {("rows of the input", "batched"): 3, ("batched", "errors"): 3}
    assert tables["gallery"].empty
    assert tables["sizes"].empty
    assert tables["errors"]["images"].tolist() == [2, 1]
    assert tables["errors"].loc[0, "example"] == "https://a.org/e0"
    assert "gone" in tables["errors"].loc[0, "meaning"]
    assert summary(tables)["images_per_second"] == 0


def test_of_five_hundred_servers_each_has_its_row(tmp_path: Path) -> None:
    shards = [
        Shard(f"s{number:03}.org", 0, images=[Image(f"u{number}")], requests=[request(f"s{number:03}.org", number)])
        for number in range(500)
    ]
    tables = measured(write_collection(tmp_path, shards))
    assert len(tables["servers"]) == len(tables["politeness"]) == 500
    assert summary(tables)["servers_within_limit"] == 500
    assert tables["rates"]["server"].nunique() == 21


def test_where_nothing_was_made_it_says_so(tmp_path: Path) -> None:
    made = write_collection(tmp_path, [])
    made.paths.manifest.unlink()
    command = [sys.executable, "-m", "treeline", "report", "measure", "--config", str(made.config)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "manifest.parquet: no such file. Nothing has been made yet: run snakemake" in done.stderr
    assert "Traceback" not in done.stderr
    assert not made.paths.reports.exists()


@pytest.mark.parametrize("name", ["successes.parquet", "errors.parquet"])
def test_a_shard_that_does_not_account_for_its_batch_is_named(tmp_path: Path, name: str) -> None:
    made = write_collection(tmp_path, [Shard(images=[Image("u"), Image("v")], errors=[(404, "gone"), (404, "gone")])])
    file = made.paths.shard("a.org", 0) / name
    pq.write_table(pq.read_table(file).slice(1), file)
    with pytest.raises(InputError, match=r"successes\.parquet: has \d rows, and errors\.parquet \d, but the batch 4"):
        measured(made)


@pytest.mark.parametrize(
    "name",
    [
        *("images/server_name=a.org/partition_id=0/successes.parquet", "urls/rejected.parquet"),
        *("images/server_name=a.org/partition_id=0/errors.parquet", "detections/detections.parquet"),
        *("logs/requests/server_name=a.org/partition_id=0.parquet", "catalog/tables/ingests.parquet"),
    ],
)
def test_a_damaged_table_is_named_and_the_last_report_stays(tmp_path: Path, name: str) -> None:
    image = Image("u", boxes=[("animal", 0.9)])
    made = write_collection(tmp_path, [Shard(images=[image], errors=[(404, "x")], requests=[request("a.org", 1)])])
    measured(made)
    before = tree(made.paths.reports)
    put(made.paths.root / name, "PAR1 no table at all PAR1")
    with pytest.raises(InputError, match=name.rpartition("/")[2]):
        measured(made)
    assert tree(made.paths.reports) == before


def test_the_same_files_give_the_same_bytes_with_nothing_secret(tmp_path: Path) -> None:
    images = [Image(f"u{number}", boxes=[("animal", 0.9)]) for number in range(3)]
    secret = {"user_agent": "me@example.org", "header": {"Authorization": "Bearer 12345", "X-Key": "$MY_TOKEN"}}
    sent = [request("a.org", second) for second in (1_790_000_000, 1_790_000_042)]
    made = write_collection(tmp_path, [Shard(images=images, requests=sent)], downloader_parameters=secret)
    tables = measured(made)
    first = tree(made.paths.reports)
    measured(made)
    assert tree(made.paths.reports) == first
    assert not any(word in content for word in (b"Bearer", b"12345", b"MY_TOKEN") for content in first.values())
    facts = dict(tables["provenance"].itertuples(index=False))
    assert facts["first request"] == "2026-09-21T14:13:20Z"
    assert facts["last request"] == "2026-09-21T14:14:02Z"
    assert facts["downloaded with treeline"] == "0.0"
    sums = subprocess.run(["sha256sum", tmp_path / "in.csv", made.paths.manifest], capture_output=True, text=True)
    assert [line.split()[0] for line in sums.stdout.splitlines()] == [facts["input sha256"], facts["manifest sha256"]]


def test_each_table_is_there_as_csv_too(tmp_path: Path) -> None:
    made = write_collection(tmp_path, [Shard(images=[Image("u")], errors=[(404, 'gone, "really"')])])
    for name, rows in measured(made).items():
        text = [column for column, kind in COLUMNS[name].items() if kind != "bytes"]
        read = list(csv.reader((made.paths.report_tables / f"{name}.csv").open(newline="")))
        assert read[0] == text
        assert len(read) == 1 + len(rows)


def test_what_lies_on_the_disk_counts_once(tmp_path: Path) -> None:
    made = write_collection(tmp_path, [Shard(images=[Image("u")])])
    shard = made.paths.shard("a.org", 0)
    spool = made.paths.spool("a.org", 0)
    spool.mkdir(parents=True)
    (spool / "successes.parquet").hardlink_to(shard / "successes.parquet")
    put(spool / "statistics.json", "12345")
    put(made.paths.logs / "report" / "measure.log", "x" * 1000)
    put(made.paths.logs / "initialization.log", "x" * 10)
    rows = {row.stage: (row.files, row.bytes) for row in measured(made)["disk"].itertuples()}
    files = [shard / name for name in ("successes.parquet", "errors.parquet", "completed")]
    assert rows["download"] == (4, 5 + sum(file.stat().st_size for file in files))
    assert rows["logs"] == (1, 10)
    assert "report" not in rows


def test_groups_datasets_and_models_have_their_parts_of_the_flow(tmp_path: Path) -> None:
    images = [Image(f"u{number}") for number in range(10)]
    (tmp_path / "groups").mkdir(parents=True)
    for group in ("birds", "fish"):
        put(tmp_path / f"groups/{group}.yaml", "description: d\nwhere: 'true'\n")
    put(tmp_path / "datasets/birds.yaml", "")
    made = write_collection(
        tmp_path,
        [Shard(images=images)],
        lookup={"groups_folder": str(tmp_path / "groups")},
        datasets={"names": ["birds"], "folder": str(tmp_path / "datasets")},
        stages=["urls", "download", "lookup", "extract", "datasets", "analyze", "models", "catalog"],
        catalog={"dataset": "mine"},
    )
    paths = made.paths
    table(paths.lookup_images, [{"uuid": image.uuid} for image in images[:9]])
    for group, uuids in {"birds": ["u0", "u1", "u2"], "fish": ["u2", "u3"]}.items():
        put(paths.lookup_manifest(group), f"group,group_id,rows,paths\n{group},0,{len(uuids)},1\n")
        table(paths.lookup_batch(group, 0), [{"uuid": uuid} for uuid in uuids])
    put(paths.extracted("birds") / "report.csv", "group_id,asked,found,missing,duplicates\n0,3,1,1,1\n")
    folder = paths.dataset("birds")
    put(folder / "plan/plan.json", json.dumps(["00-source", "01-measure", "02-select", "split"]))
    put(folder / "steps/02-select/dropped.csv", 'id,image_path,reason\n1,a,"not\nthis"\n2,b,c\n')
    put(folder / "steps/03-select/dropped.csv", "id,image_path,reason\n9,a,of an earlier description\n")
    table(folder / "splits.parquet", [{"split": split} for split in ("val", "train", "train", "test", "train")])
    put(folder / "leakage.json", json.dumps({"leaks": {"sha256": 1, "near_duplicate": 2}}))
    summed = {"samples": 4.0, "unreadable": 1.0}
    table(folder / "analysis/tables/summary.parquet", [{"key": key, "value": value} for key, value in summed.items()])
    evaluation = paths.model_evaluation("run", "birds")
    evaluation.parent.mkdir(parents=True)
    with h5py.File(evaluation, "w") as file:
        file["id"] = [4]
        file.attrs.update(run="run", dataset="birds", split="test", aggregates='{"loss": 0.5, "auroc": null}')
    table(paths.catalog_tables / "ingests.parquet", [{"ingest": 1, "name": "collection", "images": 9}])
    tables = measured(made)
    assert arrows(tables, "lookup") == {
        ("images", "listed"): 9,
        ("images", "not listed yet"): 1,
        ("listed", "in a group"): 4,
        ("listed", "in no group"): 5,
    }
    assert arrows(tables, "groups") == {
        ("birds", "extracted"): 1,
        ("birds", "missing"): 1,
        ("birds", "there twice"): 1,
        ("fish", "not extracted yet"): 2,
    }
    assert arrows(tables, "datasets") == {
        ("birds", "train"): 3,
        ("birds", "val"): 1,
        ("birds", "test"): 1,
        ("birds", "dropped by select"): 2,
    }
    assert arrows(tables, "analysis") == {
        ("birds", "analysed"): 3,
        ("birds", "not readable for the analysis"): 1,
        ("birds", "not analysed yet"): 1,
    }
    assert arrows(tables, "models") == {("birds: test", "run"): 1}
    assert tables["datasets"].values.tolist() == [
        ["birds", "train", 3, 3],
        ["birds", "val", 1, 3],
        ["birds", "test", 1, 3],
    ]
    assert tables["models"].values.tolist()[0] == ["run", "birds", "loss", 0.5]
    assert pd.isna(tables["models"].loc[1, "value"])
    assert tables["catalog"].values.tolist() == [["table", "ingests", 1], ["source", "collection", 9]]


def test_images_that_a_tool_has_made_are_followed(tmp_path: Path) -> None:
    keep = {"size_based": "keep"}
    images = [
        Image("u0", verdicts={"size_based": "drop"}),
        *(Image(f"u{number}", verdicts=keep) for number in (1, 2, 3)),
    ]
    put(tmp_path / "boxes.csv", "uuid,x_min,y_min,box_width,box_height\n")
    crop = {"boxes": str(tmp_path / "boxes.csv")}
    made = write_collection(
        tmp_path,
        [Shard("a.org", 0, images=images, judged_by=["size_based"]), Shard("a.org", 1, images=images)],
        tools_parameters={"size_based": {}, "resize": {"keep": ["size_based"]}, "crop_to_boxes": crop},
        decode={"images_from": "resize"},
        lookup={"images_from": "crop_to_boxes", "groups_folder": str(GROUPS)},
        stages=["urls", "download", "tools", "decode", "lookup"],
    )
    for tool, rows, errors in (("resize", 2, 1), ("crop_to_boxes", 9, 1)):
        file = made.paths.shard_images(tool, "a.org", 0)  # type: ignore[arg-type]
        table(file, [{"uuid": str(number)} for number in range(rows)])
        table(file.with_name("errors.parquet"), [{"uuid": str(number)} for number in range(errors)])
    tables = measured(made)
    assert arrows(tables, "images") == {
        ("rows of the input", "batched"): 8,
        ("batched", "images"): 8,
        ("images", "kept"): 3,
        ("images", "dropped by size_based"): 1,
        ("images", "not judged yet"): 4,
        ("kept", "made by resize"): 2,
        ("kept", "not readable for resize"): 1,
        ("made by resize", "not decoded yet"): 2,
    }
    assert arrows(tables, "lookup") == {
        ("images", "made by crop_to_boxes"): 3,
        ("images", "not readable for crop_to_boxes"): 1,
        ("images", "not yet made by crop_to_boxes"): 4,
    }
    assert arrows(tables, "lookup, cropped") == {("made by crop_to_boxes", "not listed yet"): 9}
