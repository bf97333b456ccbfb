"""pyarrow that is told of no pandas, and of pandas when somebody imports it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERIES = "pa.array(pd.Series([5.0, None, 6.0], index=[2, 1, 0])).to_pylist()"


def run(*lines: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_nothing_imports_pandas_where_nobody_asks_for_it() -> None:
    asked = "print(pa.array([1, None]).to_pylist(), 'pandas' in sys.modules)"
    assert run("import sys, treeline.io.parquet, pyarrow as pa", asked) == "[1, None] False"


@pytest.mark.parametrize("first", ["import pandas, treeline.io.parquet", "import treeline.io.parquet, pandas"])
@pytest.mark.parametrize("use", ["pass", "pa.array([1])", "pa.table({'a': [1]}).to_pylist()"])
def test_a_series_is_read_in_its_order_whatever_was_imported_first(first: str, use: str) -> None:
    # By its labels it would be read backwards, and with a NaN.
    assert run(first, "import pandas as pd, pyarrow as pa", use, f"print({SERIES})") == "[5.0, None, 6.0]"
