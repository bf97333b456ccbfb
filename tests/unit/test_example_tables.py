"""The example's tables are what the collection says, and the committed ones are up to date."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from resources.example.collection import FIRST_PORT, SERVERS, address, occurrences, photos
from resources.example.expected import GROUPS
from resources.example.make_tables import make_tables
from resources.example.records import Record

EXAMPLE = Path(__file__).parents[2] / "resources" / "example"


def read(file: Path) -> list[Record]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    make_tables(folder)
    return folder


@pytest.mark.parametrize("name", ["multimedia.csv", "occurrence.csv", "expected.json", "photos.csv"])
def test_committed_files_are_those_that_are_made(made: Path, name: str) -> None:
    assert (made / name).read_bytes() == (EXAMPLE / name).read_bytes()


def test_expected_counts_add_up() -> None:
    expected = json.loads((EXAMPLE / "expected.json").read_text())
    rows = len(read(EXAMPLE / "multimedia.csv"))
    assert rows == expected["input"]["rows"]
    assert rows == expected["input"]["batched"] + sum(expected["input"]["rejected"].values())
    assert expected["input"]["batched"] == sum(server["rows"] for server in expected["servers"].values())
    for server in expected["servers"].values():
        assert server["rows"] == server["successes"] + sum(server["errors"].values())
    assert 0 < expected["full_licenses"] < sum(server["successes"] for server in expected["servers"].values())
    assert expected["lookup"]["yale_plants"] == sum(expected["yale_plants_by_kingdom"].values())
    museum = sum(expected["museum_specimen_all_by_category"].values())
    assert expected["lookup"]["museum_specimen_all"] == museum


def test_every_lookup_group_has_images_and_leaves_some_out() -> None:
    expected = json.loads((EXAMPLE / "expected.json").read_text())
    downloaded = sum(server["successes"] for server in expected["servers"].values())
    assert expected["lookup"].keys() == GROUPS.keys()
    assert all(0 < images < downloaded for images in expected["lookup"].values())


def test_a_failed_image_can_take_an_occurrence_out_of_the_groups_of_several_images() -> None:
    """The broken server must make the difference between images asked for and images that arrived."""
    without_failures = sum(
        len(occurrence.photos) for occurrence in occurrences() if GROUPS["multi_occ_museum_specimen"](occurrence, 2)
    )
    assert json.loads((EXAMPLE / "expected.json").read_text())["lookup"]["multi_occ_museum_specimen"] < without_failures


def test_urls_are_unique_and_on_five_servers() -> None:
    identifiers = [row["identifier"] for row in read(EXAMPLE / "multimedia.csv")]
    on_servers = [url for url in identifiers if url.startswith("http://127.0.0.1:")]
    hosts = Counter(urlsplit(url).netloc for url in set(on_servers) if "filtered" not in url)
    assert hosts == Counter(address(photo.server) for photo in photos())
    assert len(hosts) == len(SERVERS) == 5


def test_other_ports_change_the_addresses_and_nothing_else(made: Path, tmp_path: Path) -> None:
    make_tables(tmp_path, first_port=20_000)
    text = (tmp_path / "multimedia.csv").read_text()
    for server in SERVERS:
        text = text.replace(address(server, 20_000), address(server, FIRST_PORT))
    assert text == (made / "multimedia.csv").read_text()
    assert (tmp_path / "occurrence.csv").read_bytes() == (made / "occurrence.csv").read_bytes()


def test_every_image_has_an_occurrence() -> None:
    known = {row["gbifID"] for row in read(EXAMPLE / "occurrence.csv")}
    assert {row["gbifID"] for row in read(EXAMPLE / "multimedia.csv")} - known == {""}


def test_readme_tells_the_expected_numbers() -> None:
    readme = (EXAMPLE / "README.md").read_text()
    expected = json.loads((EXAMPLE / "expected.json").read_text())
    for name, server in expected["servers"].items():
        assert f"| {name} | {server['address']} | {server['rows']} |" in readme
    successes = sum(server["successes"] for server in expected["servers"].values())
    assert f"| in `multimedia.csv` | {expected['input']['rows']} |" in readme
    assert f"| downloaded | {successes} of {expected['input']['batched']} |" in readme
    assert f"(`is_license_full`) | {expected['full_licenses']} |" in readme
