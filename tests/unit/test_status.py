"""`treeline status`: what is done, left and failed, as far as the output folder shows it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.status_collection import GROUPS, MESSAGES, make_settings, put, write_finished
from treeline.config import STAGES, Settings
from treeline.errors import InputError
from treeline.failures import count_errors
from treeline.paths import Paths
from treeline.status import StageStatus, open_output
from treeline.status_of_stages import collect_status
from treeline.status_report import next_step, print_status
from treeline.watch import watch

CONFIG = Path("my config.yaml")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def paths(settings: Settings, finished: Path) -> Paths:
    """A copy of the finished collection: to write it anew would take a second, most of it for `fsync`."""
    shutil.copytree(finished, settings.path_to_output)
    return Paths(Path(settings.path_to_output), settings.output_structure)


def status_of(settings: Settings) -> dict[str, StageStatus]:
    return {stage.stage: stage for stage in collect_status(open_output(settings))}


def test_a_fresh_folder_has_everything_before_it_and_stays_fresh(settings: Settings) -> None:
    stages = status_of(settings)
    assert list(stages) == list(STAGES)
    assert not any(stage.finished or stage.done or stage.failed for stage in stages.values())
    assert next_step(stages.values(), CONFIG) == (
        "Next: snakemake urls --profile profiles/local --configfile 'my config.yaml'"
    )
    assert not count_errors(open_output(settings))
    assert not Path(settings.path_to_output).exists()


def test_a_finished_folder_is_done_and_its_rows_add_up(settings: Settings, paths: Paths) -> None:
    stages = status_of(settings)
    assert all(stage.finished and not stage.failed for stage in stages.values())
    assert next_step(stages.values(), CONFIG) == "Everything is done."
    assert {name: (stage.done, stage.rows_in, dict(stage.rows_out)) for name, stage in stages.items()} == {
        "urls": (1, 14, {"batched": 12, "no_identifier": 1, "unparsable_url": 1}),
        "download": (4, 12, {"successes": 9, "errors": 3}),
        "tools": (5, 9, {"keep": 6, "drop": 3}),
        "decode": (3, 9, {"images": 3, "undecodable": 3, "left out": 3}),
        "detect": (4, 6, {"images": 3, "failures": 3}),
        "lookup": (2, 9, {"birds": 7, "museum_specimen_all": 7}),
        "extract": (3, 14, {"found": 10, "missing": 2, "duplicates": 2}),
        "catalog": (5, 9, {"collection": 9}),
        "datasets": (2, 3, {"birds train": 2, "birds val": 1}),
        "analyze": (1, 0, {}),
        "models": (10, 0, {}),
        "report": (1, 0, {}),
    }


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        ("urls", "urls/manifest.parquet"),
        *(("download", f"images/server_name=b.org/partition_id=0/{name}") for name in ("completed", "errors.parquet")),
        ("download", "images/server_name=a.org%3A80/partition_id=1/successes.parquet"),
        ("download", "schedules/current/0000/_verification.csv"),
        ("tools", "tools/size_based/report.csv"),
        ("tools", "tools/resize/images/server_name=b.org/partition_id=0/successes.parquet"),
        ("tools", "tools/exif/exif.parquet"),
        ("decode", "decoded/server_name=b.org/partition_id=0.tar"),
        ("detect", "detections/server_name=b.org/partition_id=0.json"),
        ("detect", "detections/detections.parquet"),
        ("lookup", "lookup/birds/manifest.csv"),
        ("extract", "extracted/birds/report.csv"),
        ("datasets", "datasets/birds/metadata.h5"),
        ("datasets", "datasets/birds/dataset.h5"),
        ("analyze", "datasets/birds/analysis/report.html"),
        ("models", "models/crows-02/best.ckpt"),
        ("models", "models/crows-01/crows-01_birds_evaluation.h5"),
        ("models", "models/crows-02/README.md"),
        ("models", "models/crows/comparison.csv"),
        ("models", "detections/classified.json"),
        ("extract", "extracted/museum_specimen_all/categories.csv"),
        ("catalog", "catalog/catalog.duckdb"),
        ("catalog", "catalog/leakage.json"),
        ("catalog", "catalog/queries/bears.parquet"),
        ("catalog", "catalog/exports/all"),
    ],
)
def test_a_missing_target_is_left(settings: Settings, paths: Paths, stage: str, target: str) -> None:
    (paths.root / target).unlink()
    stages = status_of(settings)
    assert not stages[stage].finished
    assert stages[stage].left == 1
    assert next_step(stages.values(), Path("config/config.yaml")) == f"Next: snakemake {stage} --profile profiles/local"


def test_only_configured_stages_and_groups_count(settings: Settings, paths: Paths) -> None:
    (paths.lookup / "birds" / "manifest.csv").unlink()
    for changes in (
        {"stages": ["urls", "download"]},
        {"lookup": settings.lookup.model_copy(update={"groups": GROUPS[1:]})},
    ):
        assert all(stage.finished for stage in status_of(settings.model_copy(update=changes)).values())


def test_shards_of_ignored_servers_do_not_count(settings: Settings, paths: Paths) -> None:
    put(paths.ignored, "server_name\nb.org\n")
    assert status_of(settings)["download"].done == 3
    assert {server for server, *_ in count_errors(open_output(settings))} == {"a.org:80"}


def test_a_failed_job_is_counted_and_its_log_named_until_it_is_done(settings: Settings, paths: Paths) -> None:
    log = paths.logs / "decode/server_name=b.org/partition_id=0.log"
    put(log, "2026-01-01 00:00:00,000 ERROR treeline: it is full\n")
    assert not status_of(settings)["decode"].failed
    paths.decoded_shard("b.org", 0, "tar").unlink()
    stages = status_of(settings)
    assert stages["decode"].failed == [log]
    assert f"1 failed, see {log}" in next_step(stages.values(), CONFIG)
    put(log, "2026-01-01 00:00:00,000 INFO treeline: 3 ERROR rows\n" * 1000)
    assert not status_of(settings)["decode"].failed


def test_errors_are_counted_by_server_and_code(settings: Settings, paths: Paths) -> None:
    assert count_errors(open_output(settings)) == {("a.org:80", 404, MESSAGES[1]): 2, ("b.org", 404, MESSAGES[0]): 1}


def test_what_a_server_says_is_printed_as_it_is(
    settings: Settings, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    print_status(settings, CONFIG)
    printed = capsys.readouterr().out
    assert "[/html] [bold]gone[/bold] :smile: ?]0;title??xxx" in printed
    assert "[red]out" in printed
    assert re.search(r"a\.org:80 +404 +2 +404 Not Found", printed)
    assert "\x1b" not in printed
    assert printed.endswith("Everything is done.\n")


def test_stages_are_whole_in_a_terminal_of_80_columns(
    settings: Settings, paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treeline.console.WIDTH_WITHOUT_TERMINAL", 80)
    print_status(settings, CONFIG)
    stages, _, _ = capsys.readouterr().out.partition("Failed images")
    assert max(map(len, stages.splitlines())) <= 80
    assert "…" not in stages
    assert re.search(r"decode +█+ 100 % +3 of 3 +0 +9 +3 images", stages)


def test_a_damaged_table_is_an_error_that_says_what_to_do(settings: Settings, paths: Paths) -> None:
    (paths.shard("b.org", 0) / "errors.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(InputError, match=r"(?s)b\.org.*errors\.parquet.*Delete"):
        status_of(settings)


def test_json_says_all_that_the_tables_say(
    settings: Settings, paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    log = paths.logs / "decode/server_name=b.org/partition_id=0.log"
    put(log, "2026-01-01 00:00:00,000 INFO treeline: begins\n2026-01-01 00:00:00,000 ERROR treeline: it is full\n")
    paths.decoded_shard("b.org", 0, "tar").unlink()
    print_status(settings, CONFIG, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    decode = next(stage for stage in printed["stages"] if stage["stage"] == "decode")
    assert decode == {
        "stage": "decode",
        "pieces": "archives",
        "done": 2,
        "left": 1,
        "failed": [str(log)],
        "rows_in": 6,
        "rows_out": {"images": 2, "undecodable": 2, "left out": 2},
    }
    (failed,) = printed["failed"]
    assert (failed["stage"], failed["log"], len(failed["lines"])) == ("decode", str(log), 2)
    assert failed["lines"][-1].endswith("it is full")
    assert {error["error_code"] for error in printed["errors"]} == {404}
    assert printed["next"].startswith("Next: 1 failed")
    assert not printed["done"]


def test_a_watched_collection_is_shown_until_it_is_done(
    settings: Settings, paths: Paths, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, metrics, written = paths.shard("b.org", 0) / "completed", paths.root / "treeline.prom", []
    marker.unlink()

    def finish(seconds: float) -> None:
        marker.touch()
        written.append(metrics.read_text())

    monkeypatch.setattr("treeline.watch.sleep", finish)
    watch(settings, CONFIG, 1.0, as_json=True, prometheus=metrics)
    looks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [look["done"] for look in looks] == [False, True]
    assert [server["server_name"] for server in looks[0]["servers"]] == ["b.org"]
    assert [[error["images"] for error in look["errors"]] for look in looks] == [[2], [2, 1]]
    label = f'{{collection="{paths.root}"}}'
    assert f"treeline_done{label} 0.0" in written[0]
    assert f"treeline_done{label} 1.0" in metrics.read_text()
    watch(settings, CONFIG, 1.0, as_json=False)
    assert "Everything is done." in capsys.readouterr().out
