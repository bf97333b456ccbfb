from __future__ import annotations

from pathlib import Path

from treeline.io.folders import Folders


def test_what_was_there_stays_and_what_was_missing_is_looked_for_again(tmp_path: Path) -> None:
    folders, early, late = Folders(), tmp_path / "a" / "early", tmp_path / "a" / "late"
    assert not folders.has(early)
    early.parent.mkdir()
    early.touch()
    assert not folders.has(early), "one look into each folder"
    folders.look_again()
    assert folders.has(early)
    assert not folders.has(late)
    early.unlink()
    late.touch()
    folders.look_again()
    assert folders.has(early)
    assert folders.has(late)
