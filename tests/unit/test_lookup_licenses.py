"""Groups by licence: which images they keep, against the same worked out row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.licensed_collections import Collection, Credit, credit, make_collection
from tests.tiny_shards import TAXONOMY
from treeline.io.licenses import License, normalise
from treeline.io.parquet import write_table
from treeline.lookup.groups import GroupError
from treeline.lookup.scan import scan_shards
from treeline.lookup.tables import create_lookup_tables

Choice = Callable[[License, Credit], bool]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = make_collection(tmp_path_factory.mktemp("licenses") / "results")
    paths = made.paths
    scan_shards(
        paths.manifest, paths.ignored, paths.images, paths.lookup_images, root=paths.root, memory_mb=512, threads=1
    )
    return made


def look_up(
    collection: Collection, folder: Path, definition: str, metadata: Path | None = None
) -> list[dict[str, str]]:
    """Make one group, and give its rows."""
    file = folder / "mine.yaml"
    file.write_text(f"description: mine\n{definition}", encoding="utf-8")
    limits = {"max_files": 2, "memory_mb": 512, "threads": 1}
    create_lookup_tables(collection.paths, [file], taxonomy=TAXONOMY, metadata=metadata, detections=None, **limits)
    batches = collection.paths.lookup_manifest("mine").parent.glob("group_id=*/lookup.parquet")
    return [row for batch in sorted(batches) for row in pq.ParquetFile(batch).read().to_pylist()]


def report(collection: Collection) -> dict[str, str]:
    with collection.paths.lookup_report.open(newline="") as file:
        [row] = csv.DictReader(file)
    return row


def chosen(collection: Collection, choice: Choice) -> Iterator[str]:
    for uuid, row in collection.rows.items():
        told = credit(uuid, row)
        if choice(normalise(told["license_given"]), told):
            yield uuid


CHOICES: dict[str, Choice] = {
    "{allow: [CC0-1.0, CC-BY-4.0]}": lambda license, _: license.spdx_id in ("CC0-1.0", "CC-BY-4.0"),
    "{allow: ['http://creativecommons.org/licenses/by-sa/3.0/de/']}": lambda license, _: (
        license.spdx_id == "CC-BY-SA-3.0-DE"
    ),
    "{commercial: true}": lambda license, _: license.commercial is True,
    "{commercial: false}": lambda license, _: license.commercial is False,
    "{derivatives: true, share_alike: false}": lambda license, _: (
        license.derivatives is True and license.share_alike is False
    ),
    "{complete: true}": lambda _, told: told["lacks"] is None,
    "{commercial: true, complete: true}": lambda license, told: license.commercial is True and told["lacks"] is None,
}


@pytest.mark.parametrize("licenses", CHOICES)
def test_a_group_keeps_the_images_whose_licence_meets_its_demands(
    collection: Collection, tmp_path: Path, licenses: str
) -> None:
    rows = look_up(collection, tmp_path, f"licenses: {licenses}\n")
    wanted = sorted(chosen(collection, CHOICES[licenses]))
    assert 0 < len(wanted) < len(collection.rows)
    assert sorted(row["uuid"] for row in rows) == wanted
    counts = report(collection)
    assert int(counts["passed"]) == len(collection.rows) == len(wanted) + int(counts["left_out_by_license"])
    assert int(counts["kept"]) == len(wanted)


def test_demands_add_to_the_predicate_and_count_what_they_leave_out(collection: Collection, tmp_path: Path) -> None:
    rows = look_up(collection, tmp_path, "where: starts_with(uuid, 'a')\nlicenses: {commercial: true}\n")
    passing = [uuid for uuid in collection.rows if uuid.startswith("a")]
    wanted = [uuid for uuid in chosen(collection, CHOICES["{commercial: true}"]) if uuid.startswith("a")]
    assert sorted(row["uuid"] for row in rows) == sorted(wanted)
    counts = report(collection)
    assert (counts["passed"], counts["left_out_by_license"]) == (str(len(passing)), str(len(passing) - len(wanted)))


def test_licences_and_creators_are_columns(collection: Collection, tmp_path: Path) -> None:
    columns = "image_creator, license_id, license_name, license_url, image_license, license_share_alike"
    rows = look_up(
        collection, tmp_path, f"where: license_status = 'full' AND image_creator <> 'Ann'\ncolumns: [{columns}]\n"
    )
    wanted = {}
    for uuid in chosen(collection, lambda license, _: license.is_full):
        told = credit(uuid, collection.rows[uuid])
        creator = told["creator"] or told["rights_holder"]
        if creator not in (None, "Ann"):
            license = normalise(told["license_given"])
            wanted[uuid] = (
                *(creator, license.spdx_id, license.name, license.url, told["license_given"], license.share_alike),
            )
    assert wanted
    names = columns.split(", ")
    assert {row["uuid"]: tuple(row[name] for name in names) for row in rows} == wanted


def test_the_metadata_says_nothing_of_an_images_licence(collection: Collection, tmp_path: Path) -> None:
    metadata = tmp_path / "occurrence.csv"
    metadata.write_text("source_id,license,license_id\nid-a0-000,CC BY-NC 3.0,mine\n")
    definition = "where: license = 'CC BY-NC 3.0'\ncolumns: [license, license_id]\n"
    [row] = look_up(collection, tmp_path, definition, metadata)
    told = credit("a0-000", collection.rows["a0-000"])
    assert (row["license"], row["license_id"]) == ("CC BY-NC 3.0", told["license_id"])


def test_a_table_is_chosen_from_by_licence_too(collection: Collection, tmp_path: Path) -> None:
    uuids = sorted(collection.rows)[::2]
    write_table(tmp_path / "answer.parquet", pa.table({"uuid": uuids, "license": ["CC0"] * len(uuids)}))
    rows = look_up(collection, tmp_path, f"table: {tmp_path / 'answer.parquet'}\nlicenses: {{complete: true}}\n")
    wanted = set(chosen(collection, CHOICES["{complete: true}"])) & set(uuids)
    assert {row["uuid"] for row in rows} == wanted
    assert int(report(collection)["left_out_by_license"]) == len(uuids) - len(wanted)


def test_without_batches_nothing_is_known_and_nothing_kept(collection: Collection, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("description: mine\nlicenses: {commercial: true}\n")
    create_lookup_tables(
        collection.paths, [file], taxonomy=TAXONOMY, metadata=None, detections=None, urls=tmp_path / "none",
        max_files=2, memory_mb=512, threads=1,
    )  # fmt: skip
    counts = report(collection)
    assert counts["left_out_by_license"] == counts["passed"] != "0"


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ("licenses: {allow: [CC BY]}\n", ["licenses.allow", "CC BY", "no full licence", "CC-BY-4.0"]),
        ("licenses: {allow: [nonsense]}\n", ["licenses.allow", "nonsense"]),
        ("licenses: {allow: []}\n", ["licenses.allow"]),
        ("licenses: {}\n", ["licenses", "asks for nothing"]),
        ("licenses: {complete: false}\n", ["licenses", "asks for nothing"]),
        ("licenses: {commercial: maybe}\n", ["licenses.commercial", "maybe"]),
        ("licenses: {comercial: true}\n", ["licenses.comercial"]),
        ("columns: [license_id]\n", ["'where'", "required", "licenses"]),
    ],
)
def test_refusals(collection: Collection, tmp_path: Path, definition: str, words: list[str]) -> None:
    with pytest.raises(GroupError) as error:
        look_up(collection, tmp_path, definition)
    assert all(word in str(error.value) for word in words), error.value
