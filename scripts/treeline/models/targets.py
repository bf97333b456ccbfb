"""What the stage models makes, and in which log each says how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from treeline.config import Settings
from treeline.config_models import Step
from treeline.models.runs import Run, sweeps_of
from treeline.settings import paths_of

FILES_OF_STEP: dict[Step, tuple[str, ...]] = {
    "report": ("report.html",),
    "optimise": ("optimise.json",),
    "export": ("model.onnx", "README.md"),
}
"""What a step makes in a run's folder."""


def model_targets(settings: Settings, runs: Mapping[str, Run]) -> dict[str, list[Path]]:
    """All that the configuration asks for: of each run, of each sweep, and of the detector's results.

    Returns:
        Files of each job, by the job's log below `logs/models`, without its ending.
    """
    paths = paths_of(settings)
    targets: dict[str, list[Path]] = {}
    for name, run in runs.items():
        dataset = run.experiment.dataset
        targets[f"{name}/train"] = [paths.model(name) / "best.ckpt"]
        targets[f"{name}/evaluate-{dataset}"] = [paths.model_evaluation(name, dataset)]
        for step in settings.models.steps:
            targets[f"{name}/{step}"] = [paths.model(name) / file for file in FILES_OF_STEP[step]]
    for sweep in sweeps_of(runs.values()):
        targets[f"{sweep}/compare"] = [paths.model(sweep) / "comparison.csv"]
    if settings.models.classify is not None:
        targets["classify"] = [paths.classified]
    return targets
