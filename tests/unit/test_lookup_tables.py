"""The lookup tables of the shipped groups, against the same groups computed row by row."""

from __future__ import annotations

import csv
import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from tests.tiny_shards import GROUPS, TAXONOMY, paths_below, write_manifest, write_shard
from treeline.lookup.scan import scan_shards
from treeline.lookup.tables import create_lookup_tables
from treeline.paths import Paths

COLUMNS = [
    "gbifID",
    "basisOfRecord",
    "publisher",
    "datasetKey",
    "eventRemarks",
    "kingdom",
    "phylum",
    "class",
    "order",
    "taxonRemarks",
    "taxonomicStatus",
    "issue",
]
VALUES: dict[str, list[str]] = {
    "basisOfRecord": ["PRESERVED_SPECIMEN", "FOSSIL_SPECIMEN", "MATERIAL_CITATION", "MACHINE_OBSERVATION", "OTHER"],
    "publisher": [
        "iNaturalist.org",
        "Questagame",
        "Yale University Peabody Museum",
        "Norwegian Institute for Nature Research",
        "",
    ],
    "datasetKey": ["a", "b"],
    "eventRemarks": ["", "", 'a camera trap, "quoted"', "Trigger Sensitivity: high"],
    "kingdom": ["Animalia", "Plantae", "Fungi", "Chromista", "Viruses", "incertae sedis", ""],
    "phylum": ["Chordata", "Arthropoda", "Tracheophyta", ""],
    "class": ["Aves", "Insecta", ""],
    "order": ["Perciformes", "Fagales", ""],
    "taxonRemarks": [
        "Birds",
        "Plants that flower",
        "Insects - Butterflies and Moths",
        "Animals and Plants: Plants",
        "",
    ],
    "taxonomicStatus": ["ACCEPTED"],
    "issue": [""],
}
Occurrence = dict[str, str]


def museum(o: Occurrence) -> bool:
    return o["basisOfRecord"] in ("PRESERVED_SPECIMEN", "FOSSIL_SPECIMEN", "MATERIAL_CITATION")


def camera_trap(o: Occurrence) -> bool:
    machine = o["basisOfRecord"] == "MACHINE_OBSERVATION" and o["publisher"].startswith("Norwegian")
    return "camera trap" in o["eventRemarks"] or "Trigger Sensitivity" in o["eventRemarks"] or machine


def citizen(o: Occurrence) -> bool:
    return o["publisher"] in ("iNaturalist.org", "Questagame")


def questagame(o: Occurrence, remarks: str) -> bool:
    return o["publisher"] == "Questagame" and o["taxonRemarks"] == remarks


def no_plant(o: Occurrence) -> bool:
    return o["kingdom"] not in ("", "Plantae", "incertae sedis")


ORACLES: dict[str, Callable[[Occurrence], bool]] = {
    "museum_specimen_all": museum,
    "multi_occ_museum_specimen": museum,
    "multi_occ_camera_trap": camera_trap,
    "citizen_science": citizen,
    "citizen_science_fish": lambda o: citizen(o) and o["phylum"] == "Chordata" and o["order"] == "Perciformes",
    "questagame_birds": lambda o: questagame(o, "Birds") and o["phylum"] not in ("", "Chordata"),
    "questagame_plants_that_flowers": lambda o: questagame(o, "Plants that flower") and no_plant(o),
    "questagame_butterflies_moths": lambda o: (
        questagame(o, "Insects - Butterflies and Moths")
        and o["kingdom"] not in ("", "incertae sedis")
        and o["phylum"] not in ("", "Arthropoda")
    ),
    "yale_plants": lambda o: (
        o["publisher"].startswith("Yale") and o["taxonRemarks"] == "Animals and Plants: Plants" and no_plant(o)
    ),
}
Image = tuple[str, str | None, str]


class Collection:
    """Shards of images and their occurrence table, with everything that a join can meet."""

    def __init__(self, root: Path) -> None:
        chance = random.Random(0)
        self.paths = paths_below(root)
        self.occurrences = {
            str(number): {"gbifID": str(number), **{name: chance.choice(values) for name, values in VALUES.items()}}
            for number in range(4000)
        }
        self.images: list[Image] = []
        shards = [(server, partition, 300) for server in ("a.org", "b.org%3A8080") for partition in range(8)]
        for server, partition, rows in shards:
            file = self.paths.shard(server, partition) / "successes.parquet"
            uuids = [str(chance.getrandbits(128)) for _ in range(rows)]
            ids = [None if chance.random() < 0.01 else str(chance.randrange(4200)) for _ in range(rows)]
            write_shard(file, uuids, ids)
            path = str(file.relative_to(root))
            self.images += [(uuid, source_id, path) for uuid, source_id in zip(uuids, ids, strict=True)]
        write_manifest(self.paths, shards)
        self.metadata = root / "occurrence.csv"
        pd.DataFrame(self.occurrences.values()).to_csv(self.metadata, index=False)

    def expected(self, group: str) -> list[Image]:
        passing = [image for image in self.images if image[1] in self.occurrences]
        passing = [image for image in passing if ORACLES[group](self.occurrences[str(image[1])])]
        if group.startswith("multi_occ"):
            several = Counter(source_id for _, source_id, _ in passing)
            passing = [image for image in passing if several[image[1]] > 1]
        if group == "yale_plants":
            passing = self._sample(passing)
        return sorted(passing, key=lambda image: (image[2], image[0]))

    def _sample(self, images: list[Image]) -> list[Image]:
        strata = defaultdict(list)
        for image in images:
            strata[self.occurrences[str(image[1])]["kingdom"]].append(image)
        fractions = {"Chromista": 0.05, "Fungi": 0.05, "Animalia": 1.0}
        sampled = []
        for kingdom, rows in strata.items():
            rows.sort(key=lambda image: hashlib.md5(f"614:{image[0]}".encode()).hexdigest())
            sampled += rows[: math.floor(fractions.get(kingdom, 0) * len(rows) + 0.5)]
        return sampled

    def look_up(self, threads: int = 1, max_files: int = 3, **options: Any) -> None:
        paths = self.paths
        scan_shards(
            paths.manifest, paths.ignored, paths.images, paths.lookup_images,
            root=paths.root, memory_mb=1024, threads=threads,
        )  # fmt: skip
        files = sorted(GROUPS.glob("*.yaml"))
        defaults: dict[str, Any] = {"metadata": self.metadata, "detections": None, "taxonomy": TAXONOMY}
        create_lookup_tables(paths, files, max_files=max_files, memory_mb=1024, threads=threads, **(defaults | options))


def rows_of(paths: Paths, group: str) -> list[Image]:
    rows = []
    for group_id in range(len(manifest_of(paths, group))):
        table = pq.ParquetFile(paths.lookup_batch(group, group_id)).read(["uuid", "source_id", "path"])
        rows += list(zip(*table.to_pydict().values(), strict=True))
    return rows


def manifest_of(paths: Paths, group: str) -> list[dict[str, str]]:
    with paths.lookup_manifest(group).open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    made = Collection(tmp_path_factory.mktemp("lookup") / "results")
    made.look_up()
    return made


@pytest.mark.parametrize("group", sorted(ORACLES))
def test_shipped_group_has_its_images(collection: Collection, group: str) -> None:
    expected = collection.expected(group)
    assert expected, "the collection has no image of this group: the test would prove nothing"
    assert rows_of(collection.paths, group) == expected


def test_every_shipped_group_is_tested() -> None:
    assert {file.stem for file in GROUPS.glob("*.yaml")} == set(ORACLES)


@pytest.mark.parametrize("group", ["citizen_science", "yale_plants"])
def test_batches_are_numbered_by_sorted_path(collection: Collection, group: str) -> None:
    paths = sorted({path for _, _, path in collection.expected(group)})
    for number, line in enumerate(manifest_of(collection.paths, group)):
        listed = collection.paths.lookup_paths(group, number).read_text().splitlines()
        assert (line["group"], int(line["group_id"]), int(line["paths"])) == (group, number, len(listed))
        assert listed == paths[3 * number : 3 * number + 3]
        table = pq.ParquetFile(collection.paths.lookup_batch(group, number)).read()
        assert sorted(set(table["path"].to_pylist())) == listed
        assert table.num_rows == int(line["rows"])


def test_lookup_table_has_standard_and_asked_columns(collection: Collection) -> None:
    table = pq.ParquetFile(collection.paths.lookup_batch("citizen_science", 0)).read()
    ranks = ["kingdom", "phylum", "class", "order", "family", "genus", "species"]
    assert table.column_names == [
        "uuid", "source_id", "basisOfRecord", *ranks, "datasetKey", "publisher", "path",
    ]  # fmt: skip
    assert table["species"].null_count == table.num_rows  # a standard column that the metadata lacks
    row = table.slice(0, 1).to_pylist()[0]
    assert row["publisher"] == collection.occurrences[row["source_id"]]["publisher"]


def test_report_adds_up(collection: Collection) -> None:
    with collection.paths.lookup_report.open(newline="") as file:
        report = {row.pop("group"): {key: int(value) for key, value in row.items()} for row in csv.DictReader(file)}
    known = sum(source_id in collection.occurrences for _, source_id, _ in collection.images)
    for group, counts in report.items():
        assert (counts["images"], counts["with_metadata"]) == (len(collection.images), known)
        assert counts["kept"] == len(collection.expected(group)) <= counts["passed"]
        assert counts["batches"] == len(manifest_of(collection.paths, group)) == -(-counts["paths"] // 3)


def test_same_bytes_with_two_threads(collection: Collection, tmp_path: Path) -> None:
    other = Collection(tmp_path / "elsewhere")
    other.look_up(threads=2)
    assert contents(other.paths.lookup) == contents(collection.paths.lookup)


def test_unchanged_batches_keep_their_time_and_stale_ones_go(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "results")
    collection.look_up(max_files=4)
    last = collection.paths.lookup_batch("citizen_science", 3)
    first = collection.paths.lookup_batch("citizen_science", 0)
    time = first.stat().st_mtime_ns
    assert last.exists()

    gone = "b.org:8080"
    collection.paths.ignored.write_text(f"server_name\n{gone}\n")
    collection.look_up(max_files=4)
    assert first.stat().st_mtime_ns == time
    assert not last.parent.exists()
    assert all(gone not in path for _, _, path in rows_of(collection.paths, "citizen_science"))


def test_nothing_in_group_files_is_unused() -> None:
    for file in GROUPS.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text())
        for name in definition.get("lists", {}):
            assert f"{{{name}}}" in definition["where"], f"{file}: the list {name} is not used"
