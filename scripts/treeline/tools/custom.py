"""Tools of the user's: one Python file with one function.

    from treeline.tools.judge import drop, keep

    COLUMNS = ("image", "title")

    def judge(rows):
        for title in rows["title"].to_pylist():
            yield drop("has no title") if not title else keep()

`judge` gets batches of rows of a shard, as `pyarrow.RecordBatch` with the columns of `COLUMNS` and `uuid`, and gives a
verdict for each row, in their order.
"""

from __future__ import annotations

import runpy
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from treeline.errors import InputError
from treeline.io.verdicts import DROP, KEEP
from treeline.tools.judge import Judge, Verdict

DEFAULT_COLUMNS = ("image",)


def custom(file: Path) -> Judge:
    """Load a tool.

    Args:
        file: Its Python file, which is run.

    Raises:
        InputError: The file is missing, does not run, or has no function `judge`. The tool's own errors, later, too.
    """
    if not file.is_file():
        raise InputError(file, "no such file.", fix="Check tools_parameters.custom in the configuration.")
    try:
        names = runpy.run_path(str(file))
    except Exception as error:
        raise InputError(file, _what_happened(file, error), fix="Mend the tool.") from error
    function = names.get("judge")
    if not callable(function):
        raise InputError(file, "has no function of that name.", field="judge", fix="See docs/tools.md.")
    return Judge(tuple(names.get("COLUMNS", DEFAULT_COLUMNS)), _checked(file, function))


def _checked(file: Path, function: Callable[[pa.RecordBatch], Any]) -> Callable[[pa.RecordBatch], list[Verdict]]:
    def judge(batch: pa.RecordBatch) -> list[Verdict]:
        try:
            verdicts = list(_verdicts(function(batch)))
        except Exception as error:
            first, last = batch["uuid"][0], batch["uuid"][-1]
            problem = f"on the rows from {first} to {last}: {_what_happened(file, error)}"
            raise InputError(file, problem, field="judge", fix="Mend the tool; what is judged stays.") from error
        if len(verdicts) != len(batch):
            raise InputError(file, f"gave {len(verdicts)} verdicts for {len(batch)} rows.", field="judge")
        return verdicts

    return judge


def _verdicts(given: Any) -> Iterator[Verdict]:
    for one in given:
        verdict = Verdict(*one)
        if verdict.verdict not in (KEEP, DROP):
            raise ValueError(f"{verdict.verdict!r} is no verdict: give keep(...) or drop(...)")
        value = None if verdict.value is None else float(verdict.value)
        yield Verdict(verdict.verdict, value, None if verdict.reason is None else str(verdict.reason))


def _what_happened(file: Path, error: Exception) -> str:
    """The error with the line of the tool where it came from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    place = f" in line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}{place}: {error}."
