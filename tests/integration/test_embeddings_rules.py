"""The target `embeddings` under Snakemake, over archives that a rule of the test puts in place of decoded ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from tests.dataset_sources import describe
from tests.embedding_cases import picture_bytes, write_mean_model, write_shard_archive
from tests.pipeline import ENVIRONMENT, executed
from tests.random_models import write_model
from tests.snakemake_runs import ROOT, run_snakemake
from tests.tiny_shards import paths_below, write_manifest
from treeline.models.cli import app

SNAKEFILE = f"""
configfile: "config.yaml"
include: "{ROOT}/rules/common.smk"
include: "{ROOT}/rules/common_catalog.smk"
include: "{ROOT}/rules/resources.smk"

checkpoint schedule_downloads:
    output: paths.schedule / "0000.csv"
    shell: "cp stored/0000.csv {{output}}"

rule decode_shard:
    output: DECODED
    params: stored=str(Path("stored") / DECODED.relative_to(paths.root))
    shell: "cp {{params.stored:q}} {{output:q}}"

include: "{ROOT}/rules/datasets_inputs.smk"
include: "{ROOT}/rules/models_inputs.smk"
include: "{ROOT}/rules/embeddings.smk"
"""
SHARDS = [("a.org", 1), ("b.org%3A80", 0)]
EXPERIMENT = {
    **{"title": "Shapes", "dataset": "shapes", "task": "multiclass", "image_size": [16, 16], "epochs": 1},
    "architecture": {"encoder": "convnet"},
}


def snakemake(project: Path, *arguments: str) -> str:
    options = ("--cores", "2", "--rerun-triggers", "mtime")
    done = run_snakemake(["embeddings", *arguments, *options], project, ENVIRONMENT)
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


def configure(project: Path, **models: Any) -> None:
    config = {"path_to_input": "urls.csv", "stages": ["models"], "datasets": {"names": ["shapes"]}, "models": models}
    (project / "config.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two decoded shards of four images, one of which is broken."""
    folder = tmp_path_factory.mktemp("project")
    stored = paths_below(folder / "stored")
    for place, (server, partition) in enumerate(SHARDS):
        images = {f"{server[0]}{partition}-{number}": picture_bytes(10 * place + number) for number in range(3)}
        write_shard_archive(stored.decoded_shard(server, partition, "tar"), {**images, "broken": b"broken"})
    (folder / "stored/0000.csv").write_text(
        "rank,server_name,partition_id_from,partition_id_to\n0,a.org,1,2\n1,b.org:80,0,1\n"
    )
    (folder / "urls.csv").write_text("identifier\n")
    (folder / "config/datasets").mkdir(parents=True)
    (folder / "config/experiments").mkdir()
    describe(folder / "config/datasets/shapes.yaml", {"kind": "folder", "path": "photos"}, encodings=[{"kind": "hdf5"}])
    (folder / "config/experiments/one.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    (folder / "Snakefile").write_text(SNAKEFILE)
    write_manifest(paths_below(folder / "results"), [(*shard, 4) for shard in SHARDS])
    return folder


def test_every_shard_is_embedded_and_found(project: Path) -> None:
    configure(project, embeddings={"model": "model.onnx", "batch_size": 2})
    write_model(project / "model.onnx")
    assert executed(snakemake(project)).count("embed_shard") == len(SHARDS)
    paths = paths_below(project / "results")
    for server, partition in SHARDS:
        file = paths.embeddings_shard(server, partition)
        uuids = pq.ParquetFile(file).read()["uuid"].to_pylist()
        assert uuids == [f"{server[0]}{partition}-{number}" for number in range(3)]
        assert file.with_suffix(".rejected.csv").read_text().startswith("uuid,reason\nbroken,")
    assert "Nothing to be done" in snakemake(project)

    (project / "asked.png").write_bytes(picture_bytes(11))
    command = ["similar", str(project / "results/embeddings"), "--image", str(project / "asked.png"), "--count", "1"]
    found = CliRunner().invoke(app, [*command, "--model", str(project / "model.onnx")])
    assert found.exit_code == 0, found.output
    assert "b0-1" in found.output

    write_mean_model(project / "model.onnx")
    assert executed(snakemake(project)).count("embed_shard") == len(SHARDS)


def test_a_run_s_name_is_its_exported_model(project: Path) -> None:
    model = project / "results/models/one/model.onnx"
    model.parent.mkdir(parents=True)
    model.write_text("")
    os.utime(model, (0, 0))
    configure(project, names=["one"], embeddings={"model": "one"})
    planned = snakemake(project, "--dry-run", "--forcerun", "embed_shard")
    assert "input: results/decoded/server_name=a.org/partition_id=1.tar, results/models/one/model.onnx" in planned


def test_without_a_model_there_is_nothing_to_do(project: Path) -> None:
    configure(project)
    assert "embed_shard" not in snakemake(project, "--dry-run")
