"""Images of folders: which are found, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treeline.errors import InputError
from treeline.io.image_sources import find_images

NAMES = st.sampled_from(["a", "a-b", "a.b", "b", "Ä", "z"])


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(tuple), min_size=1, max_size=8))
def test_images_come_in_the_order_of_their_folders(
    tmp_path_factory: pytest.TempPathFactory, paths: set[tuple[str, ...]]
) -> None:
    source = tmp_path_factory.mktemp("images")
    files = [source.joinpath(*path).with_name(f"{path[-1]}.jpg") for path in paths]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    places = find_images([source], source / "output")
    assert [place.path for place in places.values()] == sorted(files)
    assert list(places) == [file.relative_to(source).as_posix() for file in sorted(files)]


def test_hidden_folders_the_output_and_links_to_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("photos/one.jpg", "photos/.hidden/two.jpg", "photos/output/three.jpg", "elsewhere/four.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "photos/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/five.jpg").symlink_to(tmp_path / "elsewhere/four.jpg")
    (tmp_path / "photos/gone.jpg").symlink_to(tmp_path / "nowhere")
    assert list(find_images([tmp_path / "photos"], tmp_path / "photos/output")) == ["five.jpg", "one.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos/closed").mkdir(parents=True)
    list_folder = os.scandir

    def refuse(folder: Path) -> object:
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(InputError, match=r"photos/closed: cannot be listed \(Permission denied\)"):
        find_images([tmp_path / "photos"], tmp_path / "output")
