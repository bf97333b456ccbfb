"""The rules of lookup, extract and catalog under Snakemake, over shards that a rule of the test puts in place."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.catalogs import SECRET
from tests.pipeline import executed
from tests.snakemake_runs import run_snakemake
from tests.tiny_shards import GROUPS, paths_below, write_manifest, write_shard
from tests.training_sets import ANIMAL, sequence, write_images
from treeline.io.parquet import write_table
from treeline.paths import Paths

ROOT = Path(__file__).parents[2]
SNAKEFILE = f"""
configfile: "config.yaml"
include: "{ROOT}/rules/common.smk"
include: "{ROOT}/rules/common_catalog.smk"
include: "{ROOT}/rules/resources.smk"

rule partition_urls:
    input: "stored/urls/manifest.parquet"
    output: paths.manifest
    shell: "cp {{input}} {{output}}"

checkpoint schedule_downloads:
    input: paths.manifest
    output: paths.schedule / "0000.csv"
    shell: "cp stored/0000.csv {{output}}"

rule download_shard:
    output: SHARD / "successes.parquet"
    params: stored=str(Path("stored") / SHARD.relative_to(paths.root) / "successes.parquet")
    shell: "cp {{params.stored:q}} {{output:q}}"

include: "{ROOT}/rules/lookup.smk"
include: "{ROOT}/rules/extract.smk"
include: "{ROOT}/rules/catalog.smk"
"""
SERVERS = ("a.org", "b.org%3A80")
A_SHARD = [f"a0-{number}" for number in range(4)]
SHARDS = [(server, partition) for server in SERVERS for partition in range(2)]

TORN: list[dict[str, Any]] = [
    {
        "dataset": "valley",
        "seq_id": "torn",
        "class": ["fox"],
        "images": [
            {"file": f"{side}.png", "frame_num": number, "location": side}
            for number, side in enumerate(("left", "right"))
        ],
    },
    {"dataset": "valley", "train": ["left"], "val": [], "test": ["right"]},
]
"""A sequence in two splits."""

DEER = "SELECT * FROM images_in_splits WHERE list_contains(class, 'deer') AND file <> '{no wildcard}'"
CATALOG: dict[str, Any] = {
    "dataset": "tiny",
    "columns": {"class": "kingdom", "location": "basisOfRecord"},
    "sources": {"valley": {"format": "megadb", "path": "valley.json"}},
    "splits": {"train": 0.5, "val": 0.25, "test": 0.25, "seed": 1},
    "queries": {"fungi": {"query": "images", "parameters": {"class": "fungi"}}, "deer": {"sql": DEER}},
    "exports": {"valley": {"format": "megadb", "datasets": ["valley"]}},
    "training_sets": {"deer": {"kind": "crops", "query": "deer", "images": {"valley": "photos"}, "square": True}},
}


def run_as_the_profile_does(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("--cores", "2", "--rerun-triggers", "mtime")
    return run_snakemake([*arguments, *options], folder, os.environ | {"PYTHONPATH": str(ROOT / "scripts")})


def snakemake(folder: Path, *arguments: str) -> str:
    done = run_as_the_profile_does(folder, *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def times(folder: Path) -> dict[str, int]:
    files = [file for file in sorted(folder.rglob("*.*")) if file.is_file()]
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


def extracted_uuids(paths: Paths, group: str) -> set[str]:
    parts = paths.extracted(group).glob("group_id=*/part-*.parquet")
    return {uuid for part in parts for uuid in pq.ParquetFile(part).read()["uuid"].to_pylist()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    stored = paths_below(folder / "stored")
    for server, partition in SHARDS:
        uuids = [f"{server[0]}{partition}-{number}" for number in range(4)]
        write_shard(stored.shard(server, partition) / "successes.parquet", uuids, [uuid[-1] for uuid in uuids])
    write_manifest(stored, [(*shard, 4) for shard in SHARDS])
    # What the URL table said of the images of one shard; the others have no batch here, and say nothing.
    credited = {
        "uuid": A_SHARD,
        "license": ["CC BY 4.0", "CC BY-NC 4.0", "CC0", "CC BY"],
        "creator": ["Ann", "Bo", "", "Bo"],
    }
    write_table(paths_below(folder / "results").batch("a.org", 0), pa.table(credited))
    (folder / "stored/0000.csv").write_text(
        "rank,server_name,partition_id_from,partition_id_to\n0,a.org,0,2\n1,b.org:80,0,2\n"
    )
    (folder / "occurrence.csv").write_text(
        "gbifID,basisOfRecord,kingdom,phylum,class,order\n"
        "0,PRESERVED_SPECIMEN,Plantae,,,\n1,FOSSIL_SPECIMEN,Animalia,Chordata,Aves,\n2,HUMAN_OBSERVATION,Fungi,,,\n"
    )
    mine = folder / "groups"
    mine.mkdir()
    (mine / "museum_specimen_all.yaml").symlink_to(GROUPS / "museum_specimen_all.yaml")
    (mine / "first_server.yaml").write_text(
        "description: mine\nwhere: starts_with(uuid, 'a')\nlicenses: {commercial: true}\ncolumns: [license_id]\n"
    )
    (mine / "fungi.yaml").write_text("description: mine\ntable: results/catalog/queries/fungi.parquet\n")
    (mine / "nothing.yaml").write_text("description: mine\nwhere: kingdom = 'Viruses'\n")
    photos = write_images(folder / "photos", [f"{number}.png" for number in range(8)])
    deer = [sequence(photo.name, [ANIMAL], dataset="valley", location=photo.stem) for photo in photos.iterdir()]
    key = {
        "container_sas_key": SECRET,
        "storage_account": "a",
        "container": "c",
        "path_prefix": "",
        "access": ["public"],
    }
    (folder / "valley.json").write_text(json.dumps([{"dataset_name": "valley", **key}, *deer, *TORN]))
    configure(folder, CATALOG)
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "resources").symlink_to(ROOT / "resources")
    snakemake(folder, "extract", "catalog")
    return folder


def configure(folder: Path, catalog: dict[str, Any]) -> None:
    config = {
        "path_to_input": "occurrence.csv",
        "stages": ["lookup", "extract", "catalog"],
        "lookup": {"metadata": "occurrence.csv", "groups_folder": "groups", "n_max_files_per_batch": 2},
        "catalog": catalog,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def test_subsets_are_extracted_and_accounted_for(run: Path) -> None:
    paths = paths_below(run / "results")
    museum = {f"{server[0]}{partition}-{number}" for server, partition in SHARDS for number in (0, 1)}
    assert extracted_uuids(paths, "museum_specimen_all") == museum
    assert extracted_uuids(paths, "first_server") == {"a0-0", "a0-2", "a0-3"}
    assert extracted_uuids(paths, "fungi") == {f"{server[0]}{partition}-2" for server, partition in SHARDS}
    assert extracted_uuids(paths, "nothing") == set()
    report = (paths.extracted("museum_specimen_all") / "report.csv").read_text().splitlines()
    assert report == ["group_id,asked,found,missing,duplicates", "0,4,4,0,0", "1,4,4,0,0"]
    assert (paths.extracted("nothing") / "report.csv").read_text().splitlines() == report[:1]
    assert (paths.extracted("museum_specimen_all") / "categories.csv").read_text().splitlines() == [
        "category,file,records",
        "Plant,category=Plant/part-00000.parquet,4",
        "Vertebrate Zoology - Birds,category=Vertebrate Zoology - Birds/part-00000.parquet,4",
    ]


def test_what_is_left_out_by_licence_is_counted_and_what_is_extracted_is_credited(run: Path) -> None:
    paths = paths_below(run / "results")
    with paths.lookup_report.open(newline="") as file:
        [row] = [row for row in csv.DictReader(file) if row["group"] == "first_server"]
    assert (row["passed"], row["left_out_by_license"], row["kept"]) == ("8", "5", "3")
    folder = paths.extracted("first_server")
    told = {"a0-0": ("Ann", "CC-BY-4.0", ""), "a0-2": ("", "CC0-1.0", ""), "a0-3": ("Bo", "", "not a full licence")}
    with (folder / "credits.csv").open(newline="") as file:
        assert {row["uuid"]: (row["creator"], row["license_id"], row["lacks"]) for row in csv.DictReader(file)} == told
    with (folder / "unlicensed.csv").open(newline="") as file:
        assert [row["uuid"] for row in csv.DictReader(file)] == ["a0-3"]
    text = (folder / "credits.md").read_text()
    assert "1 image by Ann, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)" in text
    assert "1 image by Bo, CC BY: not a full licence" in text
    assert "No images." in (paths.extracted("nothing") / "credits.md").read_text()


def test_a_finished_run_has_nothing_to_do(run: Path) -> None:
    assert "Nothing to be done" in snakemake(run, "-n", "extract", "catalog")


def test_the_catalogue_is_split_asked_exported_and_trained_with(run: Path) -> None:
    folder = paths_below(run / "results").catalog_folder
    splits = pq.read_table(folder / "tables/splits.parquet").to_pylist()
    assert Counter(row["split"] for row in splits if row["dataset"] == "valley") == {"train": 5, "val": 2, "test": 3}
    [leak] = json.loads((folder / "leakage.json").read_text())
    assert (leak["check"], leak["shared"]) == ("sequence", "valley/torn")
    deer = pq.read_table(folder / "queries/deer.parquet")
    assert sorted(deer["file"].to_pylist()) == [f"{number}.png" for number in range(8)]
    crops = (folder / "training/deer/crops.csv").read_text().splitlines()
    assert Counter(row.rpartition(",")[2] for row in crops[1:]) == {"train": 4, "val": 2, "test": 2}
    exported = json.loads((folder / "exports/valley/sequences.json").read_text())
    assert [one["dataset"] for one in exported] == ["valley"] * 9


def test_a_changed_block_makes_its_own_output_anew_and_no_other(run: Path) -> None:
    exported = paths_below(run / "results").catalog_export("valley") / "datasets.json"
    assert "do-not-show" not in exported.read_text()
    with_secrets = {**CATALOG, "exports": {"valley": {**CATALOG["exports"]["valley"], "with_secrets": True}}}
    for catalog in (with_secrets, CATALOG):  # and back: what is written down is the present request, not an earlier one
        configure(run, catalog)
        assert Counter(executed(snakemake(run, "catalog"))) == Counter(["note_request", "export_catalog", "catalog"])
        assert ("do-not-show" in exported.read_text()) == (catalog is with_secrets)

    fungi = {**CATALOG["queries"], "fungi": {"query": "images", "parameters": {"class": "plantae"}}}
    configure(run, {**CATALOG, "queries": fungi})
    planned = Counter(executed(snakemake(run, "-n", "lookup")))
    assert planned == Counter(["note_request", "answer_query", "create_lookup_tables", "lookup"])
    configure(run, CATALOG)


def test_a_lost_shard_that_comes_back_different_redoes_only_what_depends_on_it(run: Path) -> None:
    paths = paths_below(run / "results")
    uuids = [f"b1-{number}" for number in range(5)]
    stored = paths_below(run / "stored").shard("b.org%3A80", 1) / "successes.parquet"
    write_shard(stored, uuids, [uuid[-1] for uuid in uuids])
    before = times(paths.root / "extracted")
    lost = paths.shard("b.org%3A80", 1) / "successes.parquet"
    lost.unlink()
    assert "1 of 1 steps (100%) done" in snakemake(run, str(lost.relative_to(run)))
    snakemake(run, "extract")
    after = times(paths.root / "extracted")
    assert before.keys() == after.keys()
    redone = {name for name in after if after[name] != before[name] and "group_id=" in name}
    dependent = ("museum_specimen_all/group_id=1", "fungi/group_id=1")
    assert redone and all(name.startswith(dependent) for name in redone)
    assert "Nothing to be done" in snakemake(run, "-n", "extract")


def test_a_deleted_lookup_batch_comes_back_when_its_manifest_is_deleted_too(run: Path) -> None:
    paths = paths_below(run / "results")
    batch = paths.lookup_batch("museum_specimen_all", 0)
    before = batch.read_bytes()
    batch.unlink()
    paths.lookup_manifest("museum_specimen_all").unlink()
    snakemake(run, "lookup", "extract")
    assert batch.read_bytes() == before
    assert "Nothing to be done" in snakemake(run, "-n", "extract")


def test_a_refused_group_stops_before_any_job(run: Path) -> None:
    bad = run / "groups" / "bad.yaml"
    bad.write_text("description: mine\nwher: true\n")
    done = run_as_the_profile_does(run, "-n", "extract")
    bad.unlink()
    assert done.returncode != 0
    assert "groups/bad.yaml" in done.stdout and "group bad" in done.stdout
