"""Logging: one entry point for every command.

Messages go to standard error and, with `--log`, to the job's log file as well. Uncaught exceptions are logged
with their traceback before the process ends, so that a failed cluster job explains itself in its own log.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
NOISY_LIBRARIES = ("httpx", "httpcore", "asyncio", "PIL", "matplotlib", "numexpr")


def configure_logging(log: Path | None = None) -> Path | None:
    """Send log messages to standard error and to `log`, and log uncaught exceptions.

    Args:
        log: File to append to; its folder is made. None logs to standard error only.

    Returns:
        `log` as given, so that this can serve as the callback of a command-line option.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(log, encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format=LINE, handlers=handlers, force=True)
    for library in NOISY_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    sys.excepthook = log_uncaught
    return log


def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an exception that nothing caught; the `sys.excepthook` of every command."""
    logging.getLogger("treeline").critical("uncaught %s", kind.__name__, exc_info=(kind, error, trace))


LogOption = Annotated[
    Path | None,
    typer.Option("--log", callback=configure_logging, is_eager=True, help="Append log messages to this file too."),
]
