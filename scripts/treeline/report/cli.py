"""`treeline report`: all of its commands."""

from __future__ import annotations

from treeline.report import cli_measure, cli_page
from treeline.report.app import app

__all__ = ["app", "cli_measure", "cli_page"]
