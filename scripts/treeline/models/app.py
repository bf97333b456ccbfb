"""The command `treeline models`, to which each module of commands adds its own."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)
