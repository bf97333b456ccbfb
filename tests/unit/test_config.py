"""The configuration: what is refused and how, and that its generated files are up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from treeline import config_reference
from treeline.config import Settings
from treeline.errors import ConfigError
from treeline.models.runs import read_runs
from treeline.settings import group_names, read_settings, read_settings_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(ROOT)
    table = tmp_path / "urls.csv"
    table.write_text("identifier\n")
    return {"path_to_input": str(table), "stages": ["urls", "download"]}


def test_demo_configuration_is_accepted_from_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings = read_settings_file(Path("config/config.yaml"))
    assert settings.initializer_type == "gbif"
    assert settings.downloader_parameters.allow_private_addresses


def test_demo_configuration_shows_every_block() -> None:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    blocks = {name for name, field in Settings.model_fields.items() if name not in values and field.is_required()}
    assert not blocks
    for block in ("downloader_parameters", "decode", "detector", "lookup", "extract", "schedule_rules", "stages"):
        assert block in values


def test_schema_and_reference_are_up_to_date() -> None:
    assert (ROOT / config_reference.SCHEMA_FILE).read_text() == config_reference.schema_text()
    assert (ROOT / config_reference.REFERENCE_FILE).read_text() == config_reference.reference_text()
    assert (ROOT / config_reference.EXPERIMENTS_FILE).read_text() == config_reference.experiments_text()


def test_reference_explains_every_key() -> None:
    text = config_reference.reference_text() + config_reference.experiments_text()
    assert "None |" not in text
    assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"batch_size": 5}, "batch_size", "unknown key"),
        ({"downloader_parameters": {"batchsize": 5}}, "downloader_parameters.batchsize", "unknown key"),
        ({"downloader_parameters": {"batch_size": "5"}}, "downloader_parameters.batch_size", "valid integer"),
        (
            {"downloader_parameters": {"batch_size": 0}},
            "downloader_parameters.batch_size",
            "greater than or equal to 1",
        ),
        ({"downloader_parameters": {"timeout": 0}}, "downloader_parameters.timeout", "greater than 0"),
        ({"downloader_parameters": {"image_format": "gif"}}, "downloader_parameters.image_format", "'jpeg'"),
        ({"downloader_parameters": {"user_agent": "a\nb"}}, "downloader_parameters.user_agent", "pattern"),
        (
            {"downloader_parameters": {"image_format": "raw_bgr", "exif_orientation": "keep"}},
            "downloader_parameters",
            "cannot keep an EXIF orientation",
        ),
        ({"output_structure": {"images_folder": "../elsewhere"}}, "output_structure.images_folder", "stays under"),
        ({"output_structure": {"images_folder": "/elsewhere"}}, "output_structure.images_folder", "stays under"),
        ({"output_structure": {"images_folder": "."}}, "output_structure.images_folder", "stays under"),
        ({"output_structure": {"images_folder": "a{b}"}}, "output_structure.images_folder", "braces"),
        ({"output_structure": {"urls_folder": "images/."}}, "output_structure", "images_folder (images)"),
        (
            {"output_structure": {"lookup_folder": "images/x"}},
            "output_structure",
            "lookup_folder (images/x) and images",
        ),
        ({"path_to_input": ""}, "path_to_input", "at least 1 character"),
        ({"path_to_output": ""}, "path_to_output", "must be a path"),
        ({"path_to_output": " "}, "path_to_output", "must be a path"),
        ({"path_to_output": "a\0b"}, "path_to_output", "control characters"),
        ({"initializer_type": ""}, "initializer_type", "at least 1 character"),
        ({"initializer_type": "tol_general"}, "initializer_parameters.data_sources", "at least one"),
        ({"stages": []}, "stages", "at least 1 item"),
        ({"stages": ["urls", "urls"]}, "stages", "urls is there twice"),
        ({"downloader_parameters": {"timeout": float("inf")}}, "downloader_parameters.timeout", "finite number"),
        ({"downloader_parameters": {"backoff": float("nan")}}, "downloader_parameters.backoff", "finite number"),
        ({"downloader_parameters": {"header": {"A": "b\r\nC: d"}}}, "downloader_parameters.header.A", "pattern"),
        ({"downloader_parameters": {"header": {"A": "\0"}}}, "downloader_parameters.header.A", "pattern"),
        ({"downloader_parameters": {"header": {"A": "é"}}}, "downloader_parameters.header.A", "pattern"),
        ({"downloader_parameters": {"header": {"A: b": "c"}}}, "downloader_parameters.header.A: b", "pattern"),
        ({"downloader_parameters": {"header": {"A\n": "c"}}}, r"downloader_parameters.header.A\n", "pattern"),
        ({"downloader_parameters": {"header": {"": "c"}}}, "downloader_parameters.header", "pattern"),
        ({"lookup": {"groups": ["../birds"]}}, "lookup.groups.0", "pattern"),
        ({"lookup": {"groups": ["birds", "birds"]}}, "lookup.groups", "birds is there twice"),
        ({"lookup": {"metadata": ""}}, "lookup.metadata", "at least 1 character"),
        ({"detector": {"model": "MDV9"}}, "detector.model", "MDV5A"),
        ({"detector": {"model": ""}}, "detector.model", "MDV5A"),
        ({"schedule_rules": {5: 2}}, "schedule_rules", "needs a rule for 1 batch"),
        ({"schedule_rules": {1: 0}}, "schedule_rules", "at least 1"),
        ({"stages": ["urls", "fly"]}, "stages.1", "'extract'"),
        ({"lookup": {"detections": True}}, "lookup.detections", "needs the stage detect"),
        ({"path_to_input": "nowhere.csv"}, "path_to_input", "no such file"),
        ({"path_to_input": "nowhere/*.csv"}, "path_to_input", "no such file"),
        ({"initializer_type": "mine.sql"}, "initializer_type", "no such file"),
        ({"lookup": {"metadata": "nowhere.csv"}}, "lookup.metadata", "no such file"),
        ({"detector": {"model": "nowhere.pt"}, "stages": ["detect"]}, "detector.model", "no such file"),
        ({"lookup": {"groups": ["nobody"]}, "stages": ["lookup"]}, "lookup.groups (nobody)", "no such file"),
        ({"lookup": {"groups": ["nobody"]}, "stages": ["extract"]}, "lookup.groups (nobody)", "no such file"),
        ({"extract": {"categories": ["nobody"]}, "stages": ["extract"]}, "extract.categories (nobody)", "yale_plants"),
    ],
)
def test_bad_values_are_refused_by_key_and_reason(
    good: dict[str, Any], changes: dict[str, Any], key: str, reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings({**good, **changes})
    assert any(key in line and reason in line for line in str(refused.value).splitlines())


def test_only_categories_that_are_asked_for_must_be_groups(good: dict[str, Any]) -> None:
    values = {**good, "stages": ["extract"], "lookup": {"groups": ["yale_plants"]}}
    assert group_names(read_settings(values).lookup) == ["yale_plants"]
    with pytest.raises(ConfigError, match=r"extract\.categories \(museum_specimen_all\).*there are: yale_plants"):
        read_settings({**values, "extract": {"categories": ["museum_specimen_all"]}})


def test_every_problem_is_reported_at_once(good: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings({**good, "decode": {"archive": "zip", "jpeg_quality": 0}, "speed": 1})
    text = str(refused.value)
    assert "3 key(s) refused" in text
    assert all(key in text for key in ("decode.archive", "decode.jpeg_quality", "speed"))


def test_a_missing_required_key_is_named() -> None:
    with pytest.raises(ConfigError, match="path_to_input: this key is required"):
        read_settings({})


def test_schedule_rules_survive_json(good: dict[str, Any]) -> None:
    rules = read_settings(json.loads(json.dumps({**good, "schedule_rules": {1: 1, 10: 2}}))).schedule_rules
    assert rules == {1: 1, 10: 2}


def test_what_is_not_yaml_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "config.yaml"
    bad.write_text("a: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_settings_file(bad)
    bad.write_text("- a list")
    with pytest.raises(ConfigError, match="expected keys and values"):
        read_settings_file(bad)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings_file(tmp_path / "none.yaml")


def test_a_dataset_without_a_description(good: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"datasets.names \(birds\): no such file: config/datasets/birds.yaml"):
        read_settings({**good, "datasets": {"names": ["birds"]}})
    with pytest.raises(ConfigError, match=r"datasets\.names\.0: .*pattern"):
        read_settings({**good, "datasets": {"names": ["Birds_1"]}})


def test_locations_are_a_file_or_an_answer_of_the_catalogue(
    good: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no run has left an answer
    places = "results/catalog/queries/places.parquet"
    values = {**good, "detections": {"locations": places}}
    with pytest.raises(ConfigError, match=rf"detections\.locations: no such file: {places}"):
        read_settings(values)
    sql = "SELECT file, location FROM image_facts"
    assert read_settings({**values, "catalog": {"queries": {"places": {"sql": sql}}}}).detections.locations == places


def test_an_experiment_without_a_file(good: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"models.names \(birds\): no such file: config/experiments/birds.yaml"):
        read_settings({**good, "models": {"names": ["birds"]}})


def test_the_demo_experiment_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (run,) = read_runs(read_settings_file(Path("config/config.yaml")).models).values()
    assert (run.name, run.experiment.dataset) == ("example", "what-is-seen")
