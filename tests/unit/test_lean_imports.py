"""What a command does not need is not imported, as it would take longer than many commands themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_PANDAS = """
import sys
import pyarrow as pa
import treeline.io.parquet
table = pa.Table.from_pylist([{"number": 1, "text": None}])
assert "pandas" not in sys.modules
frame = table.to_pandas()
assert frame.number[0] == 1 and "pandas" in sys.modules
assert pa.Table.from_pandas(frame, schema=table.schema).equals(table)
"""

IMPORTED = """
import sys
from treeline.cli import app
app(sys.argv[1:], standalone_mode=False)
print(*sys.modules)
"""


def test_arrow_finds_pandas_when_it_is_asked_for_and_not_before() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], check=True)


@pytest.mark.parametrize("command", ["urls partition", "decode shard", "catalog export lila"])
def test_a_command_imports_its_stage_alone(command: str) -> None:
    stage = command.split()[0]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *command.split(), "--help"], check=True, capture_output=True, text=True
    )
    modules = done.stdout.split("\n")[-2].split()
    assert not {"numpy", "pyarrow", "torch", "duckdb", "treeline.config"} & set(modules)
    ours = [name for name in modules if name.startswith("treeline.") and name.endswith(".cli")]
    assert ours == ["treeline.cli", f"treeline.{stage}.cli"]
