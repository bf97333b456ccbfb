"""The command `treeline report`, to which each module of commands adds its own."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)
"""What became of every row of the input, on one page.

`measure` makes tables of it, `page` draws them.
"""
