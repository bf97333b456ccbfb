from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from treeline.io.atomic import write_bytes
from treeline.io.page_cache import forget

MEBIBYTE = 2**20


def remembered(path: Path) -> int:
    """Bytes of a file that the system has in memory, as util-linux sees it."""
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_forgotten_file_keeps_its_content_and_no_memory(tmp_path: Path) -> None:
    file, content = tmp_path / "images", os.urandom(MEBIBYTE)
    write_bytes(file, content)
    forget(file)
    kind = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], check=True, capture_output=True, text=True).stdout
    if shutil.which("fincore") and "ext" in kind:  # a file system in memory cannot forget
        assert remembered(file) < MEBIBYTE / 10
    assert file.read_bytes() == content


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        forget(tmp_path / "missing")
