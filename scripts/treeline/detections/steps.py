"""What was done to results is recorded in them."""

from __future__ import annotations

from collections.abc import Mapping

from treeline.io.results import Results


def record_step(results: Results, step: str, parameters: Mapping[str, object], facts: Mapping[str, object]) -> None:
    """Add a step to `info`: under its name, a list with an entry for each time that it was done."""
    done = results["info"].setdefault(step, [])
    if not isinstance(done, list):
        done = results["info"][step] = [done]
    done.append({"parameters": dict(parameters), **facts})
