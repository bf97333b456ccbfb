"""`treeline download`: the commands of this stage."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def stage() -> None:
    """Keep the verbs as subcommands even while there is only one."""
