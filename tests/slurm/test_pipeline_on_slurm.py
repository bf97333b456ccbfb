"""The demo's pipeline through Slurm: the same bytes as on one machine."""

from __future__ import annotations

import pytest

from tests.pipeline import Project
from tests.slurm.cluster import assert_same, configure, run, submitted

pytestmark = pytest.mark.timeout(900)


def test_every_stage_as_slurm_jobs(project: Project, whole: Project) -> None:
    configure(project, ranks=2)
    with run(project) as pipeline:
        output = pipeline.finish()
    assert_same(project, whole)
    names = submitted(output)
    for rule in ("rule_partition_urls", "rule_merge_detections", "rule_scan_shards", "rule_extract_batch"):
        assert rule in names
    for stage in ("download", "decode", "detect"):
        shards = [name for name in names if name.startswith(f"group_{stage}-lane-")]
        assert len(shards) == len(set(shards)) == len(list(whole.results.glob("images/*/*/completed"))), stage
    with run(project, "--dry-run") as plan:
        assert "Nothing to be done" in plan.finish()


def test_shards_of_a_lane_share_a_job(project: Project, whole: Project) -> None:
    configure(project, shards_per_job=3)
    with run(project, "download") as pipeline:
        output = pipeline.finish()
    shards = len(list(project.results.glob("images/*/*/completed")))
    jobs = sum(name.startswith("group_download-lane-") for name in submitted(output))
    assert 0 < jobs < shards == len(list(whole.results.glob("images/*/*/completed")))


@pytest.mark.parametrize("launcher", [None, "srun --mpi=pmi2"])
def test_a_fleet_of_mpi_ranks(launcher: str | None, project: Project, whole: Project) -> None:
    configure(project, mode="fleet", fleet_ranks=3)
    options = () if launcher is None else ("--set-resources", f'download_fleet:mpi="{launcher}"')
    with run(project, "download", *options) as pipeline:
        assert "rule_download_fleet" in submitted(pipeline.finish())
    assert_same(project, whole, ("images/",))
