"""The parts of a description, a file each, so that a change of one is told from a change of another.

What is made of a description follows its own part: a file that would not change keeps its time, and what was made by it
stays valid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treeline.datasets.description import Description, read_description
from treeline.datasets.steps import Step, read_steps
from treeline.io.atomic import write_text

PLAN = "plan.json"
OF_SOURCE = {"source", "task", "labels", "classes", "groups", "time", "keep"}
OF_MEASURE = ("drop_missing", "drop_unreadable")
"""Steps without which measuring refuses what they would drop."""


def write_plan(description_file: Path, folder: Path) -> None:
    """Write the parts of a description, and last `plan.json`, which lists them; parts of an earlier one are removed.

    Args:
        description_file: YAML.
        folder: `00-source.json`, `01-measure.json`, a file a step and an encoding, and `split.json`.

    Raises:
        InputError: The description is refused.
    """
    description = read_description(description_file)
    parts = _parts(description, read_steps(description_file, description))
    for name, part in parts.items():
        file, text = folder / f"{name}.json", json.dumps(part, indent=2, sort_keys=True) + "\n"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            write_text(file, text)
    for file in folder.glob("*.json"):
        if file.stem not in parts and file.name != PLAN:
            file.unlink()
    write_text(folder / PLAN, json.dumps(list(parts), indent=2) + "\n")


def _parts(description: Description, steps: list[Step]) -> Mapping[str, Any]:
    splits = description.splits
    steps_by_name = {
        f"{number:02d}-{step.name}": {"step": step.name, "options": step.options.model_dump(mode="json")}
        for number, step in enumerate(steps, start=2)
    }
    encodings = {f"encoding-{encoding.kind}": encoding.model_dump(mode="json") for encoding in description.encodings}
    brought = [splits.kind, splits.column]
    return {
        "00-source": {**description.model_dump(mode="json", include=OF_SOURCE), "column of the splits": brought},
        "01-measure": [step.name for step in steps if step.name in OF_MEASURE],
        **steps_by_name,
        "split": description.model_dump(mode="json", include={"splits", "groups", "task"}),
        **encodings,
    }
