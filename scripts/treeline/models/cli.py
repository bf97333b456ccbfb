"""`treeline models`: all of its commands."""

from __future__ import annotations

from treeline.models import cli_embed
from treeline.models.app import app

__all__ = ["app", "cli_embed"]
