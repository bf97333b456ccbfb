"""Files and folders are whole or absent."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from treeline.io.atomic import atomic_folder, atomic_path, link_or_copy, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folders_are_made_and_nothing_is_left_behind(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "file.txt", "é")
    assert (tmp_path / "new/folder/file.txt").read_bytes() == b"\xc3\xa9"
    assert names(tmp_path / "new/folder") == ["file.txt"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "file") as temporary:
        temporary.write_bytes(b"new")
        raise RuntimeError
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_the_longest_possible_name_fits(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 255), b"content")
    assert names(tmp_path) == ["n" * 255]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with atomic_folder(tmp_path / "folder") as temporary:
            (temporary / name).touch()
            assert not (tmp_path / "folder" / name).exists()
    assert names(tmp_path / "folder") == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "old").touch()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "new").touch()
        raise RuntimeError
    assert names(tmp_path / "folder") == ["old"]
    assert names(tmp_path) == ["folder"]


KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from treeline.io.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    writer = subprocess.run([sys.executable, "-c", KILLED_WRITER, tmp_path / "file"], check=False)
    assert writer.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_bytes() == b"old"
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_link_is_the_same_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "source", b"content")
    link_or_copy(tmp_path / "source", tmp_path / "folder" / "target")
    assert (tmp_path / "source").samefile(tmp_path / "folder" / "target")
