"""What is done, what is left and what failed, and what to run next."""

from __future__ import annotations

from pathlib import Path

from treeline.config import Settings


def print_status(settings: Settings, config: Path) -> None:
    """Print a summary of the output folder that `settings` names."""
    print(f"{config}: {settings.path_to_output}")
