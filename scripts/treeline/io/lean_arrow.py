"""pyarrow without pandas.

Of each list that becomes an array pyarrow asks whether it is one of pandas, and imports pandas for that: 0.4 seconds of
a core in every job, none of which works with pandas. Told once that there is none, it asks no more; `to_pandas` still
finds it. All that is lost is that a `pandas.NA` in a list would be null.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

import pyarrow as pa


class _NoPandas:
    """Says of pandas that it is not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
        return None


def do_without_pandas() -> None:
    """Have pyarrow look for pandas now, and not find it; where pandas is imported already there is nothing to save."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas)
        try:
            pa.array([None])
        finally:
            sys.meta_path.remove(_NoPandas)
