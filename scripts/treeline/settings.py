"""Reading the configuration: from YAML to checked settings, or to an error that lists every refused key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import ValidationError

from treeline.choices import INITIALIZERS
from treeline.config import Lookup, Settings
from treeline.config_tools import FILES_OF_TOOLS
from treeline.config_values import CHECKPOINT_SUFFIX
from treeline.errors import ConfigError
from treeline.paths import Paths

GLOB_CHARACTERS = "*?["


def read_settings(values: Mapping[str, Any], source: str = "configuration") -> Settings:
    """Check a configuration.

    Args:
        values: The configuration as YAML gives it.
        source: Where it comes from, for the error's text.

    Raises:
        ConfigError: Lists every key that is refused, with the reason.
    """
    try:
        settings = Settings.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(_explain(error, source)) from None
    problems = [*_missing_files(settings), *_unknown_groups(settings), *_impossible_queries(settings)]
    if problems:
        raise ConfigError("\n".join([f"{source}: {len(problems)} key(s) refused", *problems]))
    return settings


def read_settings_file(path: Path) -> Settings:
    """Read and check a configuration file.

    Raises:
        ConfigError: The file is missing, is not YAML, or is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)  # YAML takes `1e-3` for text
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: is not {'JSON' if path.suffix == '.json' else 'YAML'}: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, found {type(values).__name__}.")
    return read_settings(values, str(path))


def paths_of(settings: Settings) -> Paths:
    """Where everything lies that a configuration makes."""
    return Paths(Path(settings.path_to_output), settings.output_structure)


def group_names(lookup: Lookup) -> list[str]:
    """Names of the groups to make: those that are asked for, else all of the folder."""
    return lookup.groups or sorted(file.stem for file in Path(lookup.groups_folder).glob("*.yaml"))


def catalog_targets(settings: Settings) -> dict[str, Path]:
    """What is made of the catalogue, by the name of its log under `logs/catalog`."""
    paths, catalog = paths_of(settings), settings.catalog
    return {
        **({} if catalog.splits is None else {"leakage": paths.catalog_leakage}),
        **{f"queries/{name}": paths.catalog_query(name) for name in catalog.queries},
        **{f"exports/{name}": paths.catalog_export(name) for name in catalog.exports},
        **{f"training/{name}": paths.catalog_training(name) for name in catalog.training_sets},
    }


def _explain(error: ValidationError, source: str) -> str:
    lines = [f"{source}: {error.error_count()} key(s) refused"]
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "(whole configuration)"
        key = key.encode("unicode_escape").decode()
        if problem["type"] == "extra_forbidden":
            lines.append(f"  {key}: unknown key; see config/README.md for the known ones")
        elif problem["type"] == "missing":
            lines.append(f"  {key}: this key is required")
        else:
            lines.append(f"  {key}: {problem['msg']} (found {problem['input']!r:.80})")
    return "\n".join(lines)


def _missing_files(settings: Settings) -> list[str]:
    named: dict[str, str | None] = {
        "path_to_input": settings.path_to_input,
        "lookup.metadata": settings.lookup.metadata,
    }
    if settings.initializer_type not in INITIALIZERS:
        named["initializer_type"] = settings.initializer_type
    after = settings.detections
    answers = {paths_of(settings).catalog_query(name) for name in settings.catalog.queries}  # made when they are needed
    if after.locations is not None and Path(after.locations) not in answers:
        named["detections.locations"] = after.locations
    if after.repeats is not None:
        named["detections.repeats.decisions"] = after.repeats.decisions
    if after.evaluate is not None:
        named["detections.evaluate.truth"] = after.evaluate.truth
    for tool, block in settings.tools_parameters.items():
        named |= {
            f"tools_parameters.{tool}.{key}": getattr(block, key) for key in FILES_OF_TOOLS if hasattr(block, key)
        }
    for name, export in settings.catalog.exports.items():
        named |= {f"catalog.exports.{name}.{key}": getattr(export, key) for key in ("locations", "metadata")}
    for name, training_set in settings.catalog.training_sets.items():
        named[f"catalog.training_sets.{name}.labels"] = training_set.labels
    if "detect" in settings.stages and PurePosixPath(settings.detector.model).suffix == CHECKPOINT_SUFFIX:
        named["detector.model"] = settings.detector.model
    if "lookup" in settings.stages or "extract" in settings.stages:
        named["lookup.groups_folder"] = settings.lookup.groups_folder
        for group in settings.lookup.groups:
            named[f"lookup.groups ({group})"] = f"{settings.lookup.groups_folder}/{group}.yaml"
    for name in settings.datasets.names:
        named[f"datasets.names ({name})"] = f"{settings.datasets.folder}/{name}.yaml"
    for name in settings.models.names:
        named[f"models.names ({name})"] = f"{settings.models.folder}/{name}.yaml"
    return [f"  {key}: no such file: {value}" for key, value in named.items() if value and not _exists(value)]


def _unknown_groups(settings: Settings) -> list[str]:
    """Groups that are to be written by category but are not made; the default may name one that is not."""
    if "extract" not in settings.stages or "categories" not in settings.extract.model_fields_set:
        return []
    known = group_names(settings.lookup)
    return [
        f"  extract.categories ({group}): no group of that name is made; there are: {', '.join(known) or 'none'}"
        for group in settings.extract.categories
        if group not in known
    ]


def _impossible_queries(settings: Settings) -> list[str]:
    """Queries of the catalogue that could not be run, or give no images where a training set needs some."""
    if not settings.catalog.queries:
        return []
    from treeline.catalog.foresee import impossible_queries

    return [f"  catalog.{key}: {problem}" for key, problem in impossible_queries(settings.catalog)]


def _exists(pattern: str) -> bool:
    path = Path(pattern)
    if path.exists():
        return True
    if not any(character in pattern for character in GLOB_CHARACTERS):
        return False
    return next(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))), None) is not None
