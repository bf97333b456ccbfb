"""The live display of a process's downloads on its terminal: one line a shard."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

SHOWN_LIVE = "shown_live"
"""Mark of log records that a live display makes superfluous on the terminal; other handlers write them."""


class Display:
    """Shows shards while there are any, below the log lines on the terminal."""

    def __init__(self) -> None:
        self._shards: dict[str, TaskID] = {}
        self._handlers: list[logging.StreamHandler[Any]] = []
        # Names come from tables: nothing in them is markup. Who updates refreshes: there is no need for a thread.
        self._lines = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
        )

    def add(self, label: str, total: int) -> None:
        """Show one more shard."""
        if not self._shards:
            self._start()
        self._shards[label] = self._lines.add_task(label, total=total, text="")

    def update(self, label: str, done: int, text: str) -> None:
        """Show how far a shard is."""
        self._lines.update(self._shards[label], completed=done, text=text, refresh=True)

    def remove(self, label: str) -> None:
        """Show a shard no longer."""
        self._lines.remove_task(self._shards.pop(label))
        if not self._shards:
            self._stop()

    def _start(self) -> None:
        """Begin, and have log lines written above the display instead of into it."""
        terminal = sys.stderr
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
        self._handlers = [handler for handler in handlers if handler.stream is terminal]
        self._lines.start()
        for handler in self._handlers:
            handler.setStream(sys.stderr)
            handler.addFilter(_is_not_shown_live)

    def _stop(self) -> None:
        self._lines.stop()
        for handler in self._handlers:
            handler.setStream(sys.stderr)
            handler.removeFilter(_is_not_shown_live)


@cache
def shared_display() -> Display | None:
    """The process's display; None where nobody watches.

    Standard error is a terminal for Snakemake's jobs too, which share it with each other and with Snakemake. A command
    that was typed there has a process group of its own.
    """
    return Display() if sys.stderr.isatty() and os.getpgrp() == os.getpid() else None


def _is_not_shown_live(record: logging.LogRecord) -> bool:
    return not hasattr(record, SHOWN_LIVE)
