"""`treeline models`: all of its commands."""

from __future__ import annotations

from treeline.models import (
    cli_compare,
    cli_embed,
    cli_evaluate,
    cli_export,
    cli_optimise,
    cli_plan,
    cli_predict,
    cli_report,
    cli_train,
)
from treeline.models.app import app

__all__ = [
    "app",
    "cli_compare",
    "cli_embed",
    "cli_evaluate",
    "cli_export",
    "cli_optimise",
    "cli_plan",
    "cli_predict",
    "cli_report",
    "cli_train",
]
