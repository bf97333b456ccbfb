"""An evaluation of results against ground truth that is made up on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from treeline.detections.evaluate import Evaluation, evaluate
from treeline.detections.thresholds import Thresholds

THRESHOLD = 0.2


def compare(folder: Path, truth: Any, results: Any, **options: Any) -> Evaluation:
    truth_file, results_file = folder / "truth.json", folder / "results.json"
    truth_file.write_text(truth if isinstance(truth, str) else json.dumps(truth), encoding="utf-8")
    results_file.write_text(json.dumps(results), encoding="utf-8")
    chosen = {"by": None, "labels": {}, "locations": None, "thresholds": Thresholds(THRESHOLD), **options}
    return evaluate(results_file, truth_file, **chosen)
