"""The errors that a user can cause and mend.

Each names what is wrong, where, and what to do. The command line prints them without a traceback and exits with 2;
anything else that escapes is a defect of Treeline and is logged with its traceback.
"""

from __future__ import annotations

import errno
from functools import partial
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Values of an `OSError`'s errno that mean: make room, and run the same again."""


class TreelineError(Exception):
    """A problem that the user can mend; its text is complete on its own."""


class ConfigError(TreelineError):
    """The configuration is refused; the text lists each key with the reason."""


class InputError(TreelineError):
    """An input file does not hold what is expected of it.

    Args:
        file: The file at fault.
        problem: What is wrong with it.
        row: One-based number of the data row, where one row is at fault.
        field: Column or key at fault.
        fix: What the user can do about it.
    """

    def __init__(
        self, file: Path | str, problem: str, *, row: int | None = None, field: str | None = None, fix: str = ""
    ) -> None:
        self.file, self.problem, self.row, self.field, self.fix = file, problem, row, field, fix
        place = str(file)
        if row is not None:
            place += f", row {row}"
        if field is not None:
            place += f", field '{field}'"
        super().__init__(f"{place}: {problem}" + (f" {fix}" if fix else ""))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it, for the way from one process to another."""
        return partial(type(self), row=self.row, field=self.field, fix=self.fix), (self.file, self.problem)


class ShardError(InputError):
    """A Parquet file or archive is not a shard of the schema that the stage reads."""


class ImageError(TreelineError):
    """Bytes that are not an image that Treeline can read; the text is the reason, fit for a table cell."""


class InterruptedEarlyError(TreelineError):
    """The work stopped early on request; what was finished is kept and a rerun goes on from there."""
