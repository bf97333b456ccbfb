"""A configuration and its finished collection, to ask for the status of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from treeline.config import OutputStructure, Settings
from treeline.io.names import encode_server_name
from treeline.io.parquet import write_table
from treeline.paths import Paths
from treeline.schemas import DETECTIONS, ERRORS, MANIFEST, REJECTED, SUCCESSES, VERDICTS

SHARDS = [("a.org:80", 0), ("a.org:80", 1), ("b.org", 0)]
GROUPS = ["birds", "museum_specimen_all"]
BIRDS = """
title: Birds
source: {kind: folder, path: photos}
task: multiclass
splits: {kind: stratified}
encodings: [{kind: hdf5}]
"""
CROWS = """
title: Crows
dataset: birds
task: multiclass
image_size: [32, 32]
epochs: 1
sweep: {grid: {seed: [1, 2]}}
"""
MODELS: dict[str, Any] = {"steps": ["report", "export"], "classify": "crows-01"}
MESSAGES = ["[/html] [bold]gone[/bold] :smile: \x1b]0;title\x07\n" + "x" * 200, "404 Not Found"]


def make_settings(tmp_path: Path) -> Settings:
    """A configuration with every stage, whose output folder has a name like markup."""
    groups = tmp_path / "groups"
    groups.mkdir()
    for group in GROUPS:
        (groups / f"{group}.yaml").write_text("description: d\nwhere: 'true'\n")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "birds.yaml").write_text(BIRDS)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "crows.yaml").write_text(CROWS)
    return Settings(
        path_to_input="in.csv",
        path_to_output=str(tmp_path / "[red]out"),
        lookup={"groups_folder": str(groups)},
        tools_parameters={"size_based": {}, "resize": {}, "exif": {}},
        decode={"keep": ["size_based"]},
        catalog={"splits": {}, "queries": {"bears": {"query": "images"}}, "exports": {"all": {"format": "lila"}}},
        datasets={"names": ["birds"], "folder": str(tmp_path / "datasets")},
        models={"names": ["crows"], "folder": str(tmp_path / "experiments"), **MODELS},
    )


def write_finished(root: Path) -> Path:
    """Write a finished collection: three shards of four URLs, of which three are images, one of them undecodable."""
    paths = Paths(root, OutputStructure())
    servers, partitions = zip(*SHARDS, strict=True)
    manifest = {"server_name": servers, "partition_id": partitions, "rows": [4] * 3, "sha256": ["x"] * 3}
    write_table(paths.manifest, pa.table(manifest, schema=MANIFEST))
    write_table(paths.rejected, rows(REJECTED, 2, reason=["no_identifier", "unparsable_url"]))
    for server, partition in SHARDS:
        finish_shard(paths, encode_server_name(server), partition)
    put(paths.schedule / "_verification.csv")
    header, row = "server_name,partition_id,images,keep,drop", "a.org,0,3,2,1"
    put(paths.tool("size_based") / "report.csv", "\n".join([header, *[row] * 3]))
    put(paths.tool("exif") / "exif.parquet")
    files = ["a.jpg", "a.jpg", "b.jpg"] * 3
    failures = [None, None, "image access failure"] * 3
    write_table(paths.detections_table, rows(DETECTIONS, 9, file=files, failure=failures))
    write_table(paths.lookup_images, rows(SUCCESSES.remove(11), 9))
    for group in GROUPS:
        put(paths.lookup_manifest(group), f"group,group_id,rows,paths\n{group},0,5,1\n{group},1,2,1\n")
        put(paths.extracted(group) / "report.csv", "group_id,asked,found,missing,duplicates\n0,5,3,1,1\n1,2,2,0,0\n")
    put(paths.extracted("museum_specimen_all") / "categories.csv")
    for file in (paths.catalog, paths.catalog_leakage, paths.catalog_query("bears"), paths.catalog_export("all")):
        put(file)
    write_table(paths.catalog_tables / "ingests.parquet", pa.table({"name": ["collection"], "images": [9]}))
    write_table(
        paths.dataset("birds") / "splits.parquet", pa.table({"id": [0, 1, 4], "split": ["train", "val", "train"]})
    )
    for file in ("metadata.h5", "dataset.h5", "analysis/report.html"):
        put(paths.dataset("birds") / file)
    for run in ("crows-01", "crows-02"):
        for file in ("best.ckpt", f"{run}_birds_evaluation.h5", "report.html", "model.onnx", "README.md"):
            put(paths.model(run) / file)
    put(paths.model("crows") / "comparison.csv")
    put(paths.classified)
    put(paths.report_page)
    return paths.root


def finish_shard(paths: Paths, server: str, partition: int) -> None:
    shard = paths.shard(server, partition)
    write_table(shard / "successes.parquet", rows(SUCCESSES, 3))
    write_table(shard / "errors.parquet", rows(ERRORS, 1, error_code=[404], error_msg=[MESSAGES[partition]]))
    put(shard / "completed")
    write_table(paths.verdicts("size_based", server, partition), rows(VERDICTS, 3, verdict=["keep", "drop", "keep"]))
    put(paths.shard_images("resize", server, partition))
    put(paths.decoded_shard(server, partition, "tar"))
    put(paths.undecodable(server, partition), "uuid,reason\nu,cut off\n")
    put(paths.detections_shard(server, partition), json.dumps({"images": []}))


def rows(schema: pa.Schema, count: int, **columns: list[Any]) -> pa.Table:
    """A table in which each column that is not given holds zeros or their like."""
    fill = {name: 0 if pa.types.is_integer(schema.field(name).type) else None for name in schema.names}
    fill |= {name: "x" for name in schema.names if not schema.field(name).nullable and fill[name] is None}
    return pa.table({name: columns.get(name, [fill[name]] * count) for name in schema.names}, schema=schema)


def put(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
