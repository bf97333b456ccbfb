"""Parts of files, from files that come and go."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from treeline.errors import ShardError
from treeline.io.file_parts import MOST_OPEN, ArrayInFile, FileParts

CONTENT = bytes(range(256))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts") / "file"
    path.write_bytes(CONTENT)
    return path


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))))
def test_any_part_or_an_error(file: Path, places: list[tuple[int, int]]) -> None:
    parts = FileParts()
    for offset, size in places:
        if offset + size <= len(CONTENT) or size == 0:
            assert parts.read(file, offset, size) == CONTENT[offset : offset + size]
        else:
            with pytest.raises(ShardError, match="ends before"):
                parts.read(file, offset, size)
    parts.close()


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(MOST_OPEN * 2)]
    for number, path in enumerate(files):
        path.write_bytes(number.to_bytes(2))
    parts, before = FileParts(), _open_files()
    for _ in range(2):
        assert [int.from_bytes(parts.read(path, 0, 2)) for path in files] == list(range(len(files)))
        assert len(_open_files() - before) == MOST_OPEN
    parts.close()
    assert _open_files() == before
    assert parts.read(files[0], 0, 2) == b"\0\0"
    del parts
    assert _open_files() == before


def _open_files() -> set[str]:
    names = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return {name for name in names if os.path.exists(name)}  # noqa: PTH110 (the one that lists them is gone)


def test_open_files_do_not_travel(file: Path) -> None:
    parts = FileParts()
    parts.read(file, 0, 1)
    copy = pickle.loads(pickle.dumps(parts))
    parts.close()
    assert copy.read(file, 3, 2) == CONTENT[3:5]


def test_rows_of_an_array(file: Path) -> None:
    array = ArrayInFile(FileParts(), file, 16, (5, 2, 3), np.dtype("<u2"))
    expected = np.frombuffer(CONTENT[16:76], "<u2").reshape(5, 2, 3)
    assert_array_equal([array.row(number) for number in range(5)], expected)
    for outside in (-1, 5):
        with pytest.raises(IndexError):
            array.row(outside)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"missing: cannot be read: No such file"):
        FileParts().read(tmp_path / "missing", 0, 1)
    with pytest.raises(ShardError, match="cannot be read"):
        FileParts().read_array(tmp_path, 0, (1,), np.dtype("u1"))
