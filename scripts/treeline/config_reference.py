"""The JSON schema and the references of the configuration, of experiments and of files, made from their models.

A test compares the committed files with what is made here, so that neither can drift.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from treeline.config import Settings
from treeline.io.atomic import write_text
from treeline.models.experiment import DECODERS, LOSSES, METRICS, Experiment, Task
from treeline.reference.files_page import FILES_FILE, files_text

SCHEMA_FILE = Path("config/schema.json")
REFERENCE_FILE = Path("config/README.md")
EXPERIMENTS_FILE = Path("docs/models-experiments.md")

HEAD = """# Configuration

`config.yaml` is the demo's configuration and shows every block. Give your own with `snakemake --configfile my.yaml`:
it stands alone, and every key that it leaves out has the default below. Unknown keys, wrong types, impossible values
and missing files are refused before any job starts. `schema.json` lets your editor complete and check keys.

This page and the schema are made from `scripts/treeline/config.py`: run `treeline config write-reference` after a
change there.
"""

EXPERIMENTS_HEAD = """# Experiments, key by key

An experiment is a file `config/experiments/<name>.yaml`; [models.md](models.md) says how it is run. Unknown keys, wrong
types and values that do not fit the task are refused before any job starts. A number with an exponent needs a point and
a sign, as YAML takes `1e-3` for text: `1.0e-3`.

This page is made from `scripts/treeline/models/experiment.py`: run `treeline config write-reference` after a change
there.
"""


def write_reference(folder: Path) -> None:
    """Write the schema and the reference pages into the repository at `folder`."""
    write_text(folder / SCHEMA_FILE, schema_text())
    write_text(folder / REFERENCE_FILE, reference_text())
    write_text(folder / EXPERIMENTS_FILE, experiments_text())
    write_text(folder / FILES_FILE, files_text())


def schema_text() -> str:
    """The JSON schema (draft 2020-12) of a configuration file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def reference_text() -> str:
    """The reference page, one table a block."""
    return "\n".join([HEAD, *_block_lines("Top level", Settings)]) + "\n"


def experiments_text() -> str:
    """The reference page of experiments."""
    return "\n".join([EXPERIMENTS_HEAD, *_task_lines(), *_block_lines("Top level", Experiment)]) + "\n"


def _task_lines() -> Iterator[str]:
    yield "## What fits a task\n"
    yield "Of each, the first is taken where the experiment names none; of the metrics all are.\n"
    yield "| task | `architecture.decoder` | `loss` | `metrics` |"
    yield "|---|---|---|---|"
    for task in get_args(Task):
        cells = (", ".join(f"`{name}`" for name in known[task]) for known in (DECODERS, LOSSES, METRICS))
        yield f"| `{task}` | {' | '.join(cells)} |"
    yield ""


def _block_lines(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{model.__doc__}\n"
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    nested: list[tuple[str, type[BaseModel]]] = []
    for key, field in model.model_fields.items():
        block = _block_of(field.annotation)
        meaning = " ".join(str(field.description).split())  # a row of a table is one line
        if block is None:
            yield f"| `{key}` | {_default(field)} | {meaning} |"
        else:
            nested.append((key, block))
            default = "off" if field.default is None else "see there"
            yield f"| [`{key}`](#{key}) | {default} | {meaning} |"
    yield ""
    for key, kind in nested:
        yield from _block_lines(f"`{key}`", kind)


def _block_of(kind: Any) -> type[BaseModel] | None:
    """The block that a key holds, be it one that may be left out."""
    candidates = (kind, *get_args(kind))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    return "required" if value is PydanticUndefined else f"`{json.dumps(value)}`"
