"""What the report says of images and of what the detector has seen, against pandas and plain counting."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from tests.batches import encoded, photo
from tests.report_collections import Image, Made, Shard, repeat, request, write_collection
from treeline.errors import InputError
from treeline.report.facts import detected
from treeline.report.facts.detected import EDGES, read_seen
from treeline.report.facts.gallery import LONGEST_SIDE, PICTURES, measure_gallery
from treeline.report.facts.images import measure_images

CC_BY = "https://creativecommons.org/licenses/by/4.0/"
NONE = "Not provided"


def image(uuid: str, **columns: Any) -> Image:
    return Image(uuid, columns)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    sizes = [[0, 7], None, [480, 640], [600, 800], [512, 512], [1, 1], [3000, 4000], [4000, 3000]]
    one = [image(f"a{number}", original_size=size, resized_size=size) for number, size in enumerate(sizes)]
    two = [
        image("b0", license=CC_BY, hashsum_original="same", identifier="https://b.org/x.JPEG?size=large"),
        image("b1", license="CC BY 4.0", hashsum_original="same", title=NONE, is_license_full=False),
        image("b2", license=NONE, hashsum_original="same", hashsum_resized="alike", is_license_full=False),
        image("b3", license=None, hashsum_resized="alike", identifier=None, source=NONE, is_license_full=False),
        image("b4", license="CC BY", identifier="https://b.org/image/12", title=None),
    ]
    bodies = [request("b.org", second, status, bytes=1000 + second) for second, status in enumerate([200, 200, 404])]
    robots = request("b.org", 9, purpose="robots", bytes=7)
    creators = [*(["Ann"] * 5), None, "", "Bob", "Ann"]
    shards = [
        Shard("a.org", 0, images=one, errors=[(404, "gone")], creators=creators),
        Shard("b.org", 0, images=two, requests=[*bodies, robots]),
    ]
    made = write_collection(tmp_path_factory.mktemp("images"), shards, tools_parameters={"near_duplicates": {}})
    repeat(made.paths.tool("near_duplicates") / "duplicates.parquet", {"a2": ["a3", "a4"], "b0": ["b1"]})
    return made


@pytest.fixture(scope="module")
def tables(made: Made) -> dict[str, list[dict[str, Any]]]:
    with made.open() as collection:
        return measure_images(collection)


def test_licences_count_by_what_they_mean(tables: dict[str, list[dict[str, Any]]]) -> None:
    assert tables["licenses"] == [
        {"license": "CC0 1.0", "status": "full", "images": 8, "full": 8},
        {"license": "", "status": "missing", "images": 2, "full": 0},
        {"license": "CC BY 4.0", "status": "full", "images": 2, "full": 1},
        {"license": "CC BY", "status": "partial", "images": 1, "full": 1},
    ]


def test_attribution_counts_what_is_given(tables: dict[str, list[dict[str, Any]]]) -> None:
    given = {row["field"]: row["images"] for row in tables["attribution"]}
    assert given == {"creator": 6, "license": 11, "source": 12, "title": 11, "url": 12}
    assert {row["of"] for row in tables["attribution"]} == {13}


def test_formats_are_those_of_urls_and_of_the_settings(made: Made, tables: dict[str, list[dict[str, Any]]]) -> None:
    served = {row["format"]: row["images"] for row in tables["formats"] if row["image"] == "original"}
    assert served == {"jpg": 10, "jpeg": 1, "": 2}
    [stored] = [row for row in tables["formats"] if row["image"] == "stored"]
    shards = [pq.read_metadata(file) for file in made.paths.images.glob("*/*/successes.parquet")]
    columns = [file.row_group(0).column(file.num_columns - 1) for file in shards]
    assert {column.path_in_schema for column in columns} == {"image"}
    size = sum(column.total_compressed_size for column in columns)
    assert stored == {"image": "stored", "format": "jpeg", "images": 13, "bytes": size}


def test_each_size_is_in_its_bin(made: Made, tables: dict[str, list[dict[str, Any]]]) -> None:
    rows = [row for file in made.paths.images.glob("*/*/successes.parquet") for row in pq.read_table(file).to_pylist()]
    for kind, column in (("original", "original_size"), ("stored", "resized_size")):
        sizes = [row[column] for row in rows if row[column]]
        expected = {
            "width": [width for _, width in sizes],
            "height": [height for height, _ in sizes],
            "megapixels": [height * width / 1e6 for height, width in sizes],
        }
        for quantity, values in expected.items():
            assert_in_bins(tables["sizes"], kind, quantity, [value for value in values if value > 0])
    assert_in_bins(tables["sizes"], "original", "bytes", [1000, 1001])


def assert_in_bins(rows: list[dict[str, Any]], kind: str, quantity: str, values: list[float]) -> None:
    bins = [row for row in rows if (row["image"], row["quantity"]) == (kind, quantity)]
    for row in bins:
        assert row["images"] == sum(row["bin_low"] <= value < row["bin_high"] for value in values) > 0
    assert sum(row["images"] for row in bins) == len(values)
    assert [row["bin_low"] for row in bins] == sorted(row["bin_low"] for row in bins)


def test_repeats_count_in_groups(tables: dict[str, list[dict[str, Any]]]) -> None:
    assert tables["duplicates"] == [
        {"kind": "original", "groups": 1, "images": 3},
        {"kind": "stored", "groups": 1, "images": 2},
        {"kind": "near", "groups": 2, "images": 5},
    ]


def test_the_damaged_one_of_many_shards_is_named(tmp_path: Path) -> None:
    made = write_collection(tmp_path, [Shard("a.org", number, images=[image(f"u{number}")]) for number in range(5)])
    damaged = made.paths.shard("a.org", 3) / "successes.parquet"
    content = bytearray(damaged.read_bytes())
    content[4:200] = bytes(196)  # the footer is good: what the columns hold is not
    damaged.write_bytes(content)
    with made.open() as collection, pytest.raises(InputError, match=r"partition_id=3/successes\.parquet: cannot be"):
        measure_images(collection)


boxes = st.lists(
    st.tuples(
        st.sampled_from(["animal", "person", "vehicle"]), st.sampled_from([0.0, 0.05, 0.15, 0.2, 0.35, 0.999, 1.0])
    ),
    max_size=4,
)


@settings(max_examples=40)
@given(st.lists(st.tuples(boxes, st.booleans()), min_size=1, max_size=12), st.integers(1, 9))
def test_what_was_seen_is_counted_however_the_table_is_cut(
    looks: list[tuple[list[tuple[str, float]], bool]], batch_rows: int
) -> None:
    images = [Image(f"u{place}", boxes=found, has_failed=failed) for place, (found, failed) in enumerate(looks)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(detected, "BATCH_ROWS", batch_rows)
        with write_collection(Path(folder), [Shard(images=images)]).open() as collection:
            seen = read_seen(collection)
    read = [found for found, failed in looks if not failed]
    expected = defaultdict[tuple[str, float, float], list[int]](lambda: [0, 0])
    for found in read:
        best = {category: max(c for other, c in found if other == category) for category, _ in found}
        for low, high in zip(EDGES[:-1], EDGES[1:], strict=True):
            for category, confidence in found:
                expected[category, low, high][0] += low <= confidence < high or confidence == high == 1
            for category, confidence in best.items():
                expected[category, low, high][1] += low <= confidence < high or confidence == high == 1
    rows = {(row["category"], row["confidence_low"], row["confidence_high"]): row for row in seen.rows()}
    assert {key: [row["boxes"], row["images"]] for key, row in rows.items()} == {
        key: counts for key, counts in expected.items() if counts[0]
    }
    surest = [
        min((-c, category) for category, c in found if c >= 0.2) for found in read if any(c >= 0.2 for _, c in found)
    ]
    assert +seen.images == Counter(category for _, category in surest)
    assert (seen.empty, seen.failed) == (len(read) - len(surest), len(looks) - len(read))
    assert seen.total == len(looks)


def test_before_there_are_detections_nothing_was_seen(made: Made) -> None:
    with made.open() as collection:
        assert read_seen(collection).total == 0
        assert not read_seen(collection).rows()


def gallery(folder: Path, shards: list[Shard]) -> list[dict[str, Any]]:
    with write_collection(folder, shards).open() as collection:
        return measure_gallery(collection)


def shown(uuid: str, boxes: list[tuple[str, float]] | None = None, **columns: Any) -> Image:
    picture = encoded(photo(640, 480, seed=sum(map(ord, uuid))))
    return Image(
        uuid, {"image": picture, "original_size": [480, 640], "resized_size": [480, 640], **columns}, boxes=boxes
    )


def test_the_gallery_shows_small_pictures_with_boxes_and_no_persons(tmp_path: Path) -> None:
    images = [
        shown("deer", [("animal", 0.9), ("animal", 0.1), ("vehicle", 0.3)], identifier="https://me:secret@a.org/1.jpg"),
        shown("empty", []),
        shown("faint", [("animal", 0.19)]),
        shown("hiker", [("animal", 0.9), ("person", 0.12)]),
        shown("ghost", [("animal", 0.9), ("person", 0.05)], title=None, license=NONE),
        shown("broken", [("animal", 0.9)], image=b"no picture"),
    ]
    rows = {row["uuid"]: row for row in gallery(tmp_path, [Shard("a.org:80", 2, images=images)])}
    assert rows.keys() == {"deer", "ghost"}
    deer, ghost = rows["deer"], rows["ghost"]
    assert json.loads(deer["boxes"]) == [
        {"category": "animal", "confidence": 0.9, "box": [0.25] * 4},
        {"category": "vehicle", "confidence": 0.3, "box": [0.25] * 4},
    ]
    assert (deer["server"], deer["width"], deer["height"]) == ("a.org:80", 640, 480)
    assert deer["url"] == "https://***@a.org/1.jpg"
    assert (deer["title"], deer["license"], ghost["title"], ghost["license"]) == ("a photo", "CC0", "", "")
    picture = Picture.open(io.BytesIO(deer["picture"]))
    assert (picture.format, picture.size) == ("JPEG", (LONGEST_SIDE, 240))
    original = Picture.open(io.BytesIO(images[0].columns["image"])).resize(picture.size)
    assert np.abs(np.asarray(picture, int) - np.asarray(original, int)).mean() < 4


def test_the_gallery_is_from_all_over_and_of_bounded_size(tmp_path: Path) -> None:
    shards = [
        Shard(f"s{number:02}.org", 0, images=[image(f"u{number}-{place}") for place in range(3)])
        for number in range(60)
    ]
    rows = gallery(tmp_path, shards)
    assert len({row["server"] for row in rows}) == len(rows) == PICTURES
    assert {row["boxes"] for row in rows} == {"[]"}
    few = gallery(tmp_path / "few", shards[:2])
    assert len(few) == 6 <= PICTURES
    assert rows[0] == few[0]
