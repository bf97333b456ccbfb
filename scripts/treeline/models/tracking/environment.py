"""In what surroundings a run was trained: no times, so that the same run on the same machine says the same."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from treeline.models.facts import ModelFacts

PACKAGES = ("treeline", "torch", "torchvision", "lightning", "torchmetrics", "kornia", "numpy", "pandas", "h5py")


def describe_environment(facts: ModelFacts) -> dict[str, Any]:
    """Describe versions, the code's revision, the hardware and the dataset.

    Args:
        facts: Name the dataset and its hash.
    """
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "revision": git_revision(Path(__file__).parent),
        "hardware": {
            "system": platform.system(),
            "machine": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
        },
        "dataset": {"name": facts.dataset, "sha256": facts.dataset_hash},
    }


def git_revision(folder: Path) -> str | None:
    """The commit that is checked out, with `+` where files differ from it; None where there is no repository."""
    try:
        commit = _git(folder, "rev-parse", "HEAD").strip()
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def _version(package: str) -> str | None:
    if package == "treeline":
        from treeline import __version__

        return __version__
    return version(package)


def _processor() -> str:
    """As Linux names it; elsewhere as Python does."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
