"""What the rules of the workflow ask for, and where their jobs write logs and benchmarks; noted when Snakemake starts.

logs/rules.json   a list of objects: `rule`; `log` and `benchmark`, regular expressions of paths below the logs (null:
                  none); `memory_mib`, `minutes` and `threads`, what a job asks for at its first attempt (null: nothing)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treeline.io.atomic import write_text

if TYPE_CHECKING:
    from snakemake.rules import Rule

RESOURCES = {"memory_mib": "mem_mb", "minutes": "runtime", "threads": "_cores"}
"""Snakemake's names of what is asked for. A cluster's megabytes are MiB."""


def note_rules(rules: Iterable[Rule], wildcards: Mapping[str, str], target: Path) -> None:
    """Write down what is known of rules.

    Args:
        rules: Snakemake's; targets, which have no log, are left out.
        wildcards: Of a large job, for what depends on them: of the shard with most rows, for example.
        target: `logs/rules.json`, in the folder of all logs.
    """
    noted = [_note(rule, wildcards, target.parent) for rule in rules if rule.log]
    write_text(target, json.dumps(noted, indent=1) + "\n")


def _note(rule: Rule, wildcards: Mapping[str, str], logs: Path) -> dict[str, Any]:
    asked = _resources(rule, wildcards)
    return {
        "rule": rule.name,
        "log": _expression(rule.log[0], logs),
        "benchmark": _expression(rule.benchmark, logs) if rule.benchmark else None,
        **{name: asked.get(resource) for name, resource in RESOURCES.items()},
    }


def _expression(pattern: str, logs: Path) -> str:
    from snakemake.io import regex_from_filepattern

    return str(regex_from_filepattern(str(pattern).removeprefix(f"{logs}/")))


def _resources(rule: Rule, wildcards: Mapping[str, str]) -> Mapping[str, Any]:
    """What a job of a rule asks for; at a first start without its time, which hangs on the schedule, if not nothing."""
    from snakemake.exceptions import WorkflowError
    from snakemake.iocontainers import InputFiles, Wildcards

    for unknown in ((), ("runtime",)):
        try:
            resources = rule.expand_resources(
                Wildcards(fromdict=dict(wildcards)), InputFiles(), attempt=1, skip_evaluation=unknown
            )
        except WorkflowError:
            continue
        return {name: value for name, value in resources.items() if name not in unknown}
    return {}
