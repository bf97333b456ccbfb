"""Scratch folders: of one process alone, and gone after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from treeline.io.atomic import atomic_folder, link_or_copy, write_bytes
from treeline.io.scratch import remove_abandoned, scratch_folder

WRITER = """
import sys
from pathlib import Path
from treeline.io.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"other")
    print("writing", flush=True)
    sys.stdin.read()
"""


def start_writer(target: Path) -> subprocess.Popen[bytes]:
    """Start a process that is in the middle of writing `target`, and ends when its input does."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    return writer


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 127)
    writer = start_writer(target)
    writer.kill()
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    write_bytes(target, b"mine")
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_living_process_is_writing_stays(tmp_path: Path) -> None:
    writer = start_writer(tmp_path / "file")
    remove_abandoned(tmp_path.iterdir())
    write_bytes(tmp_path / "file", b"mine")
    assert (tmp_path / "file").read_bytes() == b"mine"
    writer.communicate()
    assert writer.returncode == 0
    assert (tmp_path / "file").read_bytes() == b"other"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_of_one_purpose_share_nothing(tmp_path: Path) -> None:
    with scratch_folder(tmp_path / "new", "lookup") as one, scratch_folder(tmp_path / "new", "lookup") as other:
        assert one != other
        assert one.is_dir()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_failure_removes_the_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), scratch_folder(tmp_path, "lookup") as scratch:
        (scratch / "file").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_with_our_process_number_is_no_hindrance(tmp_path: Path) -> None:
    """Process numbers repeat in containers: a leftover link must not be written through, nor a folder be in the way."""
    write_bytes(tmp_path / "older", b"older")
    write_bytes(tmp_path / "newer", b"newer")
    (tmp_path / f".tmp-{os.getpid()}-target").hardlink_to(tmp_path / "older")
    link_or_copy(tmp_path / "newer", tmp_path / "target")
    assert (tmp_path / "older").read_bytes() == b"older"
    assert (tmp_path / "target").samefile(tmp_path / "newer")

    (tmp_path / f".tmp-{os.getpid()}-folder").mkdir()
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "file").touch()
    assert (tmp_path / "folder" / "file").exists()


def test_a_link_is_made_anew(tmp_path: Path) -> None:
    write_bytes(tmp_path / "source", b"content")
    for _ in range(2):
        link_or_copy(tmp_path / "source", tmp_path / "target")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "missing", tmp_path / "target")
