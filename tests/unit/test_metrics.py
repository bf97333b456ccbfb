"""What is written for Prometheus, as Prometheus's own reader reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from treeline.cluster import ClusterJobs, Job
from treeline.download.underway import Underway
from treeline.errors import InputError
from treeline.io.folders import Folders
from treeline.metrics import metrics_text, write_metrics
from treeline.snapshot import Downloads, ServerOutlook, Snapshot
from treeline.status import StageStatus

COLLECTION = "/data/my results"


def snapshot_of(server: str = "b.org") -> Snapshot:
    decode = StageStatus("decode", "archives", Folders(), done=3, left=2, failed=[Path("a.log")])
    lookup = StageStatus("lookup", "groups", Folders(), known=False)
    job = Job("7", "RUNNING", "decode", "n1", "1:00", "2:00", "", None)
    return Snapshot(
        time=1_700_000_000.5,
        stages=[decode, lookup],
        counts_rows=False,
        errors={(server, 404, "gone"): 5, (server, 404, "lost"): 1, ("c.org", -1, "timeout"): 2},
        underway=[Underway("c.org", 0, "n1", None, 1, 0.0, 0.0, 9, 4, None, None, None, 4.0, {"-1": 3, "500": 1})],
        downloads=Downloads(100, 40, 2.5, 2.0, 1e6, 16.0),
        servers=[ServerOutlook(server, 2, 40, 1, 2.5, 4.0, 16.0), ServerOutlook("c.org", 1, 5, 1, None, 4.0, None)],
        jobs=ClusterJobs([job, job, job._replace(state="PENDING")], []),
        failed=[],
    )


def read(text: str) -> dict[tuple[str, ...], float]:
    """Every value by the metric's name and its labels, but for that of the collection, which is checked here."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("collection") == COLLECTION
            assert sample.timestamp is None
            values = (labels[name] for name in ("stage", "state", "server", "code") if name in labels)
            found[sample.name.removeprefix("treeline_"), *values] = sample.value
    return found


def test_every_fact_has_its_value() -> None:
    assert read(metrics_text(snapshot_of(), COLLECTION)) == {
        ("pieces", "decode", "done"): 3,
        ("pieces", "decode", "left"): 2,
        ("pieces", "lookup", "done"): 0,
        ("failed_pieces", "decode"): 1,
        ("failed_pieces", "lookup"): 0,
        ("download_rows", "done"): 60,
        ("download_rows", "left"): 40,
        ("download_seconds_left",): 16,
        ("errors", "b.org", "404"): 6,
        ("errors", "c.org", "-1"): 5,
        ("errors", "c.org", "500"): 1,
        ("download_running_shards", "b.org"): 1,
        ("download_running_shards", "c.org"): 1,
        ("download_server_rows_left", "b.org"): 40,
        ("download_server_rows_left", "c.org"): 5,
        ("download_rows_per_second", "b.org"): 2.5,
        ("download_limit_per_second", "b.org"): 4,
        ("download_limit_per_second", "c.org"): 4,
        ("download_server_seconds_left", "b.org"): 16,
        ("cluster_jobs", "running"): 2,
        ("cluster_jobs", "pending"): 1,
        ("done",): 0,
        ("look_timestamp_seconds",): 1_700_000_000.5,
    }


def test_the_guide_has_every_metric() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "download.md").read_text(encoding="utf-8")
    metrics = {name for name, *_ in read(metrics_text(snapshot_of(), COLLECTION))}
    assert set(re.findall(r"`treeline_(\w+)`", guide)) == metrics


def test_nothing_is_said_of_what_is_not_known() -> None:
    empty = snapshot_of()._replace(stages=[], errors={}, underway=[], downloads=None, servers=[], jobs=None)
    assert {name for name, *_ in read(metrics_text(empty, COLLECTION))} == {"done", "look_timestamp_seconds"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r")))
def test_any_name_comes_back(server: str) -> None:
    assert read(metrics_text(snapshot_of(server), COLLECTION))["errors", server, "404"] == 6


def test_a_name_that_is_not_read_and_a_place_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end in \.prom"):
        write_metrics(snapshot_of(), COLLECTION, tmp_path / "treeline.txt")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_metrics(snapshot_of(), COLLECTION, tmp_path / "file" / "treeline.prom")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
