"""pyarrow without pandas, until somebody imports pandas.

Of each list that becomes an array pyarrow asks whether it is one of pandas, and imports pandas for that: 0.4 seconds of
a core in every job, most of which do not work with pandas. Told once that there is none, it asks no more. It has to
look again when somebody imports pandas: it would take a series for any sequence, and read it by its labels.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

import pyarrow as pa


class _NoPandas:
    """Says of pandas that it is not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
        return None


class _TellArrow:
    """Has pyarrow look for pandas again, once that is imported."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "pandas":
            return None
        sys.meta_path.remove(_TellArrow)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_tell(module: ModuleType) -> None:
                execute(module)
                pa.array([0]).to_pandas()  # what needs pandas looks for it, and remembers that it is there

            spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


def do_without_pandas() -> None:
    """Have pyarrow look for pandas now, and not find it; where pandas is imported already there is nothing to save."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.array([None])
        finally:
            sys.meta_path[0] = _TellArrow
