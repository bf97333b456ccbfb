"""Models as Snakemake makes them: which jobs an experiment is, what is done anew when something changes, a real run."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dataset_sources import describe
from tests.model_projects import SMALL, make_project, make_shapes, write
from tests.pipeline import ENVIRONMENT, ROOT, executed
from tests.snakemake_runs import run_snakemake

pytestmark = pytest.mark.timeout(600)

OF_A_RUN = ["model_train", "model_evaluate", "model_report", "model_optimise", "model_export"]
RULES = ["models", "plan_experiment", *OF_A_RUN, "model_train_together", "model_compare"]


def snakemake(project: Path, target: str, *options: str, rules: Sequence[str] = RULES, expected: int = 0) -> str:
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(project)]
    arguments += [
        "--configfile",
        str(project / "config.yaml"),
        "--profile",
        str(ROOT / "profiles/local"),
        "--retries",
        "0",
    ]
    allowed = ["--allowed-rules", *rules] if rules else []
    done = run_snakemake([*arguments, target, *options, *allowed], project, ENVIRONMENT)
    assert done.returncode == expected, done.stdout[-8000:]
    return done.stdout


def planned(project: Path, target: str = "models") -> Counter[str]:
    """Jobs that would be run, with the wildcards of those that have a run or a sweep."""
    output = snakemake(project, target, "--dry-run")
    jobs = re.split(r"^(?:local)?(?:rule|checkpoint) ", output, flags=re.MULTILINE)[1:]
    assert len(jobs) == len(executed(output))
    return Counter(
        " ".join([job.partition(":")[0], *re.findall(r"wildcards: (?:run|experiment)=([^,\s]+)", job)]) for job in jobs
    )


def fill(project: Path) -> None:
    """Make all that is planned, as far as Snakemake sees, all at one time."""
    outputs = re.findall(r"^    output: (.*)$", snakemake(project, "models", "--dry-run"), re.MULTILINE)
    now = time.time_ns()
    for path in [project / name for output in outputs for name in output.split(", ")]:
        if path.name in ("curves", "figures", "understanding", "optimised"):
            path.mkdir(parents=True)
        else:
            write(path, "")
        os.utime(path, ns=(now, now))


def test_a_sweep_is_a_run_for_each_value_and_a_change_redoes_its_own_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", names=["sizes"])
    sizes = {**SMALL, "sweep": {"runs": [{"seed": 1}, {"seed": 2, "encoding": "tar"}]}}
    file = write(project / "config/experiments/sizes.yaml", sizes)
    of_runs = [f"{rule} sizes-{number}" for rule in OF_A_RUN for number in ("01", "02")]
    assert planned(project) == Counter(["plan_experiment sizes", *of_runs, "model_compare sizes", "models"])
    assert executed(snakemake(project, "results/models/sizes/plan.json")) == ["plan_experiment"]
    fill(project)
    assert not planned(project)
    write(file, {**sizes, "title": "Another", "sweep": {"runs": [{"seed": 1}, {"seed": 3, "encoding": "tar"}, {}]}})
    assert "plan_experiment sizes" in planned(project, "results/models/sizes-02/model.onnx")
    assert executed(snakemake(project, "results/models/sizes/plan.json")) == ["plan_experiment"]
    of_runs = [f"{rule} sizes-{number}" for rule in OF_A_RUN for number in ("02", "03")]
    assert planned(project) == Counter([*of_runs, "model_compare sizes", "models"])


def test_only_what_is_asked_for_is_made_of_a_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", names=["one"], steps=[])
    write(project / "config/experiments/one.yaml", SMALL)
    plan, trained = "plan_experiment one", ["model_train one", "model_evaluate one"]
    assert planned(project) == Counter([plan, *trained, "models"])
    assert planned(project, "results/models/one/model.onnx") == Counter([plan, *trained, "model_export one"])


def test_a_training_asks_a_cluster_for_what_it_needs(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", names=["wide"], steps=[])
    wide = {"accelerator": "gpu", "devices": 2, "nodes": 3, "workers": 2, "budget": {"minutes": 30}}
    weights = {"file": str(write(project / "weights.pth", "")), "sha256": "0" * 64}
    write(project / "config/experiments/wide.yaml", {**SMALL, **wide, "architecture": {"weights": weights}})
    output = snakemake(project, "models", "--dry-run", "--cores", "8")
    job = output[output.index("rule model_train_together:") :].partition("\n\n")[0]
    asked = ["mpi=srun", "tasks=6", "nodes=3", "tasks_per_gpu=1", "gpu=6", "mem_mb=8000", "runtime=40"]
    assert all(re.search(rf"\b{resource}\b", job) for resource in asked)
    assert "threads: 3" in job
    assert "weights.pth" in job


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sweep": {"grid": {"optimser.name": ["sgd"]}}}, r"field 'optimser': one-01: Extra inputs are not permitted"),
        ({"dataset": "others"}, r"field 'dataset': others is no dataset of the configuration"),
    ],
)
def test_an_experiment_that_cannot_be_run(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    project = make_project(tmp_path / "project", names=["one"])
    write(project / "config/experiments/one.yaml", {**SMALL, **changes})
    output = snakemake(project, "models", "--dry-run", expected=1)
    assert re.search(problem, output)
    assert "Traceback" not in output


def test_crops_of_the_detector_train_the_model_that_classifies_its_results(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", names=["one"], steps=[], classify="one")
    config = yaml.safe_load((project / "config.yaml").read_text())
    detections = {"crop": {"dataset": "demo"}, "smooth": {}, "one_location": True, "export": ["csv-long"]}
    write(project / "config.yaml", {**config, "detections": detections})
    write(project / "config/experiments/one.yaml", SMALL)
    crops = {"kind": "training_set", "path": "results/detections/crops"}
    describe(project / "config/datasets/shapes.yaml", crops, encodings=[{"kind": "hdf5"}, {"kind": "tar"}])
    jobs = executed(snakemake(project, "results/detections/results.csv", "--dry-run", rules=()))
    assert {"merge_results", "crop_detections", "dataset_source", "model_train", "model_export"} <= {*jobs}
    assert {"model_classify", "smooth_results", "export_csv_long"} <= {*jobs}


def test_boxes_are_cut_out_as_the_crops_of_the_catalogue_that_the_model_has_learned_from(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", names=["one"], steps=[], classify="one")
    config = yaml.safe_load((project / "config.yaml").read_text())
    crops = {"species": {"kind": "crops", "square": True, "margin": 0.25}}
    detections = {"crop": {"dataset": "demo", "margin": 0.5}}
    write(project / "config.yaml", {**config, "catalog": {"training_sets": crops}, "detections": detections})
    write(project / "config/experiments/one.yaml", SMALL)
    source = {"kind": "training_set", "path": "results/catalog/training/species"}
    describe(project / "config/datasets/shapes.yaml", source, encodings=[{"kind": "hdf5"}, {"kind": "tar"}])
    output = snakemake(project, "results/detections/classified.json", "--dry-run", rules=())
    assert re.search(r"models classify results/models/one/model\.onnx --square --margin=0\.25 ", output)


def test_the_example_is_one_run_from_the_catalogue_to_the_gallery(tmp_path: Path) -> None:
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    configuration = ["--configfile", "config/config.yaml", "config/classify-boxes.yaml"]
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--profile", str(ROOT / "profiles/local"), *configuration]
    done = run_snakemake([*arguments, "--dry-run"], tmp_path, ENVIRONMENT)
    assert done.returncode == 0, done.stdout[-8000:]
    jobs = {*executed(done.stdout)}
    assert {"partition_urls", "build_catalog", "answer_query", "crop_detections", "dataset_in_hdf5"} <= jobs
    assert {"model_train", "model_report", "model_export", "model_classify", "preview_detections"} <= jobs
    assert re.search(r"models classify results/models/boxes/model\.onnx --square --margin=0\.0 ", done.stdout)
    gallery = done.stdout.partition("rule preview_detections:")[2].partition("\n\n")[0]
    assert re.search(r"input: .*\bresults/detections/classified\.json\b", gallery)
    crops = done.stdout.partition("rule crop_detections:")[2].partition("\n\n")[0]
    assert re.search(r"input: .*\bresults/catalog/queries/places\.parquet\b", crops)


def test_a_run_is_made_whole(tmp_path: Path) -> None:
    # What makes it smaller takes half a minute, and is looked at by tests of its own.
    project = make_project(tmp_path / "project", names=["one"], steps=["report", "export"])
    make_shapes(project)
    write(project / "config/experiments/one.yaml", SMALL)
    made = [rule for rule in OF_A_RUN if rule != "model_optimise"]
    assert Counter(executed(snakemake(project, "models"))) == Counter(["plan_experiment", *made, "models"])
    run = project / "results/models/one"
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == {
        *("plan.json", "options.json", "config.yaml", "metrics.csv", "experiment.h5", "env.json"),
        *("best.ckpt", "last.ckpt", "curves", "one_shapes_evaluation.h5", "report.html", "figures"),
        *("understanding.json", "understanding"),
        *("model.onnx", "model.json", "README.md"),
    }
    assert not planned(project)
