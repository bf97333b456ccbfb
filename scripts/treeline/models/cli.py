"""`treeline models`: all of its commands."""

from __future__ import annotations

from treeline.models import cli_optimise, cli_train
from treeline.models.app import app

__all__ = ["app", "cli_optimise", "cli_train"]
