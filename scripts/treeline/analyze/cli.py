"""`treeline analyze`: all of its commands."""

from __future__ import annotations

from treeline.analyze import cli_measure, cli_report
from treeline.analyze.app import app

__all__ = ["app", "cli_measure", "cli_report"]
