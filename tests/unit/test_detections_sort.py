"""Sorting: every image where the rule says, nothing overwritten, nothing lost."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from megadetector.postprocessing.separate_detections_into_folders import (
    SeparateDetectionsIntoFoldersOptions,
    separate_detections_into_folders,
)

from treeline.detections.sort import Way, sort_images
from treeline.detections.thresholds import Thresholds
from treeline.errors import InputError, ShardError, TreelineError
from treeline.io.tar import tar_writer

CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
FRIENDLY = {"animals": "animal", "people": "person", "vehicles": "vehicle", "processing_failure": "failed"}
"""What the megadetector package calls folders, and what they are called here."""

confidences = st.sampled_from([-0.9, 0.0, 0.1, 0.199, 0.2, 0.5, 0.95])
detection_lists = st.lists(st.tuples(st.sampled_from(list(CATEGORIES)), confidences), max_size=4)


def found(*pairs: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"category": category, "conf": confidence, "bbox": [0.1, 0.1, 0.2, 0.2]} for category, confidence in pairs]


def write_results(
    folder: Path, images: Mapping[str, list[dict[str, Any]] | None], categories: Any = CATEGORIES
) -> Path:
    entries = [
        {"file": name, "detections": detections, **({"failure": "inference failure"} if detections is None else {})}
        for name, detections in images.items()
    ]
    content = {"info": {"format_version": "1.6"}, "detection_categories": categories, "images": entries}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "results.json"


def write_folder(folder: Path, names: Any) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"content of {name}".encode())
    return folder


def write_archive(archive: Path, names: Any) -> Path:
    with tar_writer(archive) as tar:
        for name in names:
            tar.add(name, f"content of {name}".encode())
    return archive


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, of archives their members, by path; the table and the indexes aside."""
    read = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".tar":
            with tarfile.open(file) as tar:
                for info in tar:
                    read[f"{file.stem}/{info.name}"] = tar.extractfile(info).read()  # type: ignore[union-attr]
        elif file.is_file() and file.suffix != ".csv":
            read[file.relative_to(folder).as_posix()] = file.read_bytes()
    return read


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "sorted.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def sort(results: Path, source: Path, output: Path, way: Way = "copy", thresholds: Thresholds | None = None) -> Any:
    return sort_images(results, [source], output, way=way, thresholds=thresholds or Thresholds())


@settings(max_examples=25)
@given(images=st.lists(st.none() | detection_lists, min_size=1, max_size=6), person=st.sampled_from([0.1, 0.3, 0.95]))
def test_images_go_where_the_megadetector_package_puts_them(
    tmp_path_factory: pytest.TempPathFactory, images: list[Any], person: float
) -> None:
    folder = tmp_path_factory.mktemp("sort")
    by_name = {f"{'ab'[number % 2]}/{number}.jpg": pairs and found(*pairs) for number, pairs in enumerate(images)}
    results = write_results(folder, {name: [] if pairs == [] else pairs for name, pairs in by_name.items()})
    source = write_folder(folder / "images", by_name)
    sort(results, source, folder / "ours", thresholds=Thresholds(0.2, {"person": person}))

    options = SeparateDetectionsIntoFoldersOptions()
    options.results_file, options.base_input_folder = str(results), str(source)
    options.base_output_folder, options.threshold = str(folder / "theirs"), 0.2
    options.category_name_to_threshold = {"animal": 0.2, "vehicle": 0.2, "person": person}
    with redirect_stdout(io.StringIO()):
        separate_detections_into_folders(options)
    theirs = {}
    for path, data in contents(folder / "theirs").items():
        kind, _, name = path.partition("/")
        theirs[f"{FRIENDLY.get(kind, kind)}/{name}"] = data
    assert contents(folder / "ours") == theirs


@settings(max_examples=25)
@given(images=st.lists(st.none() | detection_lists, min_size=1, max_size=6))
def test_each_image_is_in_one_place_whatever_the_way_and_the_source(
    tmp_path_factory: pytest.TempPathFactory, images: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("sort")
    by_name = {f"{number}.jpg": None if pairs is None else found(*pairs) for number, pairs in enumerate(images)}
    results = write_results(folder, by_name)
    loose, archive = write_folder(folder / "images", by_name), write_archive(folder / "shard.tar", by_name)
    made = []
    for way in get_args(Way):
        sort(results, loose, folder / way, way)
        made.append(contents(folder / way))
    for way in ("copy", "tar"):
        sort(results, archive, folder / f"archive {way}", way)
        made.append(contents(folder / f"archive {way}"))
    assert all(one == made[0] for one in made)
    assert sorted(made[0].values()) == sorted(f"content of {name}".encode() for name in by_name)
    rows = {row["file"]: row["path"] for row in table(folder / "copy")}
    assert rows.keys() == by_name.keys()
    assert all(made[0][path] == f"content of {name}".encode() for name, path in rows.items())


def test_links_lead_to_the_images(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"a/1.jpg": found(("1", 0.9))})
    source = write_folder(tmp_path / "images", ["a/1.jpg"])
    sort(results, source, tmp_path / "symbolic", "symlink")
    sort(results, source, tmp_path / "hard", "hardlink")
    assert (tmp_path / "symbolic/animal/a/1.jpg").readlink() == source / "a/1.jpg"
    assert (tmp_path / "hard/animal/a/1.jpg").samefile(source / "a/1.jpg")


def test_images_of_archives_cannot_be_linked(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": []})
    with pytest.raises(InputError, match="cannot be linked"):
        sort(results, write_archive(tmp_path / "shard.tar", ["1.jpg"]), tmp_path / "out", "hardlink")
    assert not (tmp_path / "out").exists()


def test_what_stands_beside_an_image_in_its_archive_goes_with_it(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"x.jpg": found(("1", 0.9)), "y.jpg": []})
    archive = write_archive(tmp_path / "shard.tar", ["x.jpg", "x.json", "y.jpg", "y.json", "README"])
    for way in ("copy", "tar"):
        sort(results, archive, tmp_path / way, way)
        assert list(contents(tmp_path / way)) == ["animal/x.jpg", "animal/x.json", "empty/y.jpg", "empty/y.json"]


def test_names_that_some_file_systems_take_for_the_same_get_numbers(tmp_path: Path) -> None:
    names = ["A.jpg", "a.jpg", "./a.jpg", "b.jpg/c.jpg", "b.jpg"]
    results = write_results(tmp_path, {name: [] for name in names})
    archive = write_archive(tmp_path / "shard.tar", names)
    sort(results, archive, tmp_path / "out")
    assert {row["file"]: row["path"] for row in table(tmp_path / "out")} == {
        "./a.jpg": "empty/a.jpg",
        "A.jpg": "empty/A-2.jpg",
        "a.jpg": "empty/a-3.jpg",
        "b.jpg": "empty/b-2.jpg",
        "b.jpg/c.jpg": "empty/b.jpg/c.jpg",
    }
    assert sorted(contents(tmp_path / "out").values()) == sorted(f"content of {name}".encode() for name in names)


def test_an_equal_run_changes_nothing_and_another_is_refused(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": found(("1", 0.5))})
    source = write_folder(tmp_path / "images", ["1.jpg"])
    sort(results, source, tmp_path / "out")
    before = (tmp_path / "out").stat().st_ino
    sort(results, source, tmp_path / "out")
    assert (tmp_path / "out").stat().st_ino == before
    for way, thresholds in (("copy", Thresholds(0.6)), ("symlink", Thresholds())):
        with pytest.raises(InputError, match="is there already"):
            sort(results, source, tmp_path / "out", way, thresholds)  # type: ignore[arg-type]
    assert list(contents(tmp_path / "out")) == ["animal/1.jpg"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": []})
    source = write_folder(tmp_path / "images", ["1.jpg"])
    with pytest.raises(InputError, match="is there already"):
        sort(results, source, source)
    assert list(contents(source)) == ["1.jpg"]


def test_the_output_may_be_within_the_images(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": []})
    source = write_folder(tmp_path / "images", ["1.jpg"])
    for _ in range(2):
        sort(results, source, source / "sorted")
    assert [row["file"] for row in table(source / "sorted")] == ["1.jpg"]


def test_images_that_go_nowhere_are_in_the_table(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": [], "gone.jpg": None, "bad.jpg": None})
    source = write_folder(tmp_path / "images", ["1.jpg", "bad.jpg", "new.jpg"])
    assert sort(results, source, tmp_path / "out") == {"empty": 1, "failed": 1}
    assert [(row["file"], row["path"], row["note"]) for row in table(tmp_path / "out")] == [
        ("1.jpg", "empty/1.jpg", ""),
        ("bad.jpg", "failed/bad.jpg", "inference failure"),
        ("gone.jpg", "", "inference failure; no such image"),
        ("new.jpg", "", "not in the results"),
    ]


def test_a_missing_image_is_named_before_anything_is_written(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": [], "gone.jpg": []})
    with pytest.raises(InputError, match=r"1 of 2 images are not among those given; the first is gone\.jpg"):
        sort(results, write_folder(tmp_path / "images", ["1.jpg"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_image_in_two_sources_is_refused(tmp_path: Path) -> None:
    results = write_results(tmp_path, {"1.jpg": []})
    one, other = write_folder(tmp_path / "one", ["1.jpg"]), write_archive(tmp_path / "shard.tar", ["1.jpg"])
    with pytest.raises(InputError, match=r"1\.jpg is both in .*one/1\.jpg and in .*shard\.tar"):
        sort_images(results, [one, other], tmp_path / "out", way="copy", thresholds=Thresholds())


@pytest.mark.parametrize("name", ["/1.jpg", "../1.jpg", "a/../../1.jpg", "n" * 252 + ".jpg", "a\0b.jpg"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    results = write_results(tmp_path / "in", {name: []})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TreelineError):
        sort(results, write_archive(tmp_path / "in" / "shard.tar", [name]), tmp_path / "in" / "out")
    assert sorted(set(tmp_path.rglob("*")) - set(before)) == sorted((tmp_path / "in").glob("shard.tar*"))


@pytest.mark.parametrize("names", [["a", "b", "a_b"], ["empty"], ["Failed"], ["a/b"], [".."], ["sorted.csv"]])
def test_categories_that_would_share_a_folder_are_refused(tmp_path: Path, names: list[str]) -> None:
    categories = {str(number): name for number, name in enumerate(names)}
    images = {f"{number}.jpg": found((number, 0.9)) for number in categories}
    images["both.jpg"] = found(*((number, 0.9) for number in list(categories)[:2]))
    results = write_results(tmp_path, images, categories)
    with pytest.raises(InputError, match="cannot have a folder of their own|is no path"):
        sort(results, write_folder(tmp_path / "images", images), tmp_path / "out")


@pytest.mark.parametrize("size", [1024, 2600])
def test_a_damaged_archive_leaves_nothing_behind(tmp_path: Path, size: int) -> None:
    results = write_results(tmp_path, {f"{number}.jpg": [] for number in range(3)})
    archive = write_archive(tmp_path / "shard.tar", [f"{number}.jpg" for number in range(3)])
    archive.write_bytes(archive.read_bytes()[:size])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ShardError, match="not a whole tar archive"):
        sort(results, archive, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before
