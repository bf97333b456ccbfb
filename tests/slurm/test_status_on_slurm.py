"""`treeline status` and `treeline watch` on a cluster: what runs where, and what did not end well."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.pipeline import Project
from tests.slurm.cluster import configure, run, status

pytestmark = pytest.mark.timeout(900)


def test_what_runs_where_how_fast_and_what_was_cancelled(project: Project, whole: Project) -> None:
    configure(project, {"default_rate_limit": 2})
    watch = [sys.executable, "-m", "treeline", "watch", "--every", "1", "--json", "--config", "config.yaml"]
    with run(project, "download") as pipeline:
        jobs = pipeline.running("download-lane")
        pipeline.wait_for(lambda: any(one["rows_per_second"] for one in status(project)["underway"]))
        told = status(project)
        running = {job["number"]: job for job in told["jobs"]["present"] if job["state"] == "RUNNING"}
        underway = told["underway"][0]
        assert running[underway["job"]]["node"] == underway["node"]
        assert "download-lane" in running[underway["job"]]["name"]
        assert running[underway["job"]]["log"]
        server = next(one for one in told["servers"] if one["server_name"] == underway["server_name"])
        assert server["running"] > 0
        assert server["shards_left"] > 0

        with subprocess.Popen(watch, cwd=project.folder, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
            watching.kill()
        assert all(look["jobs"]["present"] and not look["done"] for look in looks)

        subprocess.run(["scancel", str(jobs[0].number)], check=True)
        pipeline.wait_for(lambda: status(project)["jobs"]["failed"])
        (failed,) = status(project)["jobs"]["failed"]
        assert (failed["number"], failed["state"]) == (str(jobs[0].number), "CANCELLED")
        text = subprocess.run(
            [sys.executable, "-m", "treeline", "status", "--config", "config.yaml"],
            cwd=project.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    for expected in ("Downloads that run", "Servers that are not done", "Jobs on the cluster", "did not end well"):
        assert expected in text
