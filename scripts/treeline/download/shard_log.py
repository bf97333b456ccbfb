"""A log file for each of the shards that one process downloads at once, the same as each has as a job of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from treeline.logs import LINE

_log_of_task: ContextVar[logging.Handler | None] = ContextVar("log_of_task", default=None)


@contextmanager
def shard_log(file: Path) -> Iterator[None]:
    """Have what this task, and those that it starts, log within the block appended to `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter(LINE))
    token = _log_of_task.set(handler)
    try:
        yield
    finally:
        _log_of_task.reset(token)
        handler.close()


@contextmanager
def shards_log_apart() -> Iterator[None]:
    """Keep what belongs to a shard's log file out of the process's own log, and put it there, within the block."""
    root = logging.getLogger()
    others = list(root.handlers)
    to_shards = _ToShardLog()
    for handler in others:
        handler.addFilter(_is_of_no_shard)
    root.addHandler(to_shards)
    try:
        yield
    finally:
        root.removeHandler(to_shards)
        for handler in others:
            handler.removeFilter(_is_of_no_shard)


class _ToShardLog(logging.Handler):
    """Passes each record on to the log of the task that it comes from."""

    def emit(self, record: logging.LogRecord) -> None:
        handler = _log_of_task.get()
        if handler is not None:
            handler.handle(record)


def _is_of_no_shard(record: logging.LogRecord) -> bool:
    return _log_of_task.get() is None
