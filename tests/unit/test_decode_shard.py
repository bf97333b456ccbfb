"""One shard becomes one archive, and every row is accounted for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.shards import UPSTREAM_SCHEMA, encode, encoded_kinds, picture, raw_bgr, shard_row, write_shard
from treeline.decode.shard import DecodeReport, decode_shard
from treeline.errors import ShardError
from treeline.io.images import decode, sniff_format
from treeline.io.tar import read_members

KINDS = encoded_kinds()
SIZE = (24, 36)
NOT_IMAGES = {"null": None, "empty": b"", "page": b"<html>404</html>", "half": KINDS["jpeg"][:500]}


def rejected(folder: Path) -> list[tuple[str, str]]:
    with (folder / "undecodable.csv").open(newline="", encoding="utf-8") as file:
        return [(row["uuid"], row["reason"]) for row in csv.DictReader(file)]


def decode_into(folder: Path, shard: Path, image_format: str = "stored", archive: str = "shard.tar") -> DecodeReport:
    return decode_shard(shard, folder / archive, folder / "undecodable.csv", image_format=image_format)  # type: ignore[arg-type]


def members_by_name(archive: Path) -> dict[str, bytes]:
    return {member.name: member.data for member in read_members(archive)}


def test_stored_images_keep_their_bytes_and_tell_their_format(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.parquet", [shard_row(n, data) for n, data in enumerate(KINDS.values())])
    assert decode_into(tmp_path, shard) == DecodeReport(rows=len(KINDS), images=len(KINDS))
    members = [member for member in read_members(tmp_path / "shard.tar") if not member.name.endswith(".json")]
    assert [member.data for member in members] == list(KINDS.values())
    assert [member.name.rpartition(".")[2] for member in members] == [
        {"jpeg": "jpg", "tiff": "tif"}.get(kind.split()[0], kind.split()[0]) for kind in KINDS
    ]
    assert rejected(tmp_path) == []


@pytest.mark.parametrize("image_format", ["jpeg", "png"])
def test_encoded_images_are_upright_rgb(tmp_path: Path, image_format: str) -> None:
    shard = write_shard(tmp_path / "s.parquet", [shard_row(n, data) for n, data in enumerate(KINDS.values())])
    decode_into(tmp_path, shard, image_format)
    members = members_by_name(tmp_path / "shard.tar")
    for number, (kind, data) in enumerate(KINDS.items()):
        written = members[f"image-{number}.{'jpg' if image_format == 'jpeg' else 'png'}"]
        assert sniff_format(written) == image_format
        found = np.asarray(Image.open(io.BytesIO(written)).convert("RGB")).astype(int)
        assert np.abs(found - decode(data).astype(int)).mean() < 8, kind  # palettes are dithered, which JPEG smooths
        if image_format == "jpeg" and kind in ("jpeg", "jpeg progressive", "jpeg grey"):
            assert written == data  # encoding a JPEG again would only lose quality


def test_raw_pixels_of_the_downloader_before(tmp_path: Path) -> None:
    by_chance = b"\xff\xd8\xff" + raw_bgr(picture())[3:]
    rows = [
        shard_row(0, raw_bgr(picture()), SIZE),
        shard_row(1, by_chance, SIZE),
        shard_row(2, raw_bgr(picture()), None, original_size=[480, 720], resized_size=list(SIZE)),
        shard_row(3, raw_bgr(picture()), (25, 36)),
        shard_row(4, raw_bgr(picture())),
    ]
    report = decode_into(tmp_path, write_shard(tmp_path / "s.parquet", rows))
    assert report == DecodeReport(rows=5, images=3, undecodable=2)
    members = members_by_name(tmp_path / "shard.tar")
    for name, raw in (("image-0", raw_bgr(picture())), ("image-1", by_chance), ("image-2", raw_bgr(picture()))):
        assert raw_bgr(decode(members[f"{name}.png"])) == raw
    (uuid, reason), (_, without_size) = rejected(tmp_path)
    assert uuid == "image-3"
    assert "2592 bytes" in reason
    assert "no size" in without_size


def test_the_json_holds_every_other_column(tmp_path: Path) -> None:
    schema = UPSTREAM_SCHEMA.append(pa.field("score", pa.float64())).append(pa.field("day", pa.date32()))
    row = shard_row(0, KINDS["png"], SIZE, score=float("nan"), day=None)
    decode_into(tmp_path, write_shard(tmp_path / "s.parquet", [row], schema))
    metadata = json.loads(members_by_name(tmp_path / "shard.tar")["image-0.json"])
    assert metadata == {name: value for name, value in row.items() if name != "image"} | {"score": None}
    assert metadata["original_size"] == [24, 36]


def test_uuids_that_repeat_or_could_do_harm_are_not_written(tmp_path: Path) -> None:
    bad = KINDS["jpeg"][:200]
    uuids = [("a", bad), ("a", KINDS["jpeg"]), ("a", KINDS["png"]), ("../../b", KINDS["png"]), ("x.y", KINDS["png"])]
    rows = [shard_row(0, data, uuid=uuid) for uuid, data in [*uuids, (None, KINDS["png"]), ("b\n,", KINDS["png"])]]
    report = decode_into(tmp_path, write_shard(tmp_path / "s.parquet", rows))
    assert report == DecodeReport(rows=7, images=1, undecodable=6)
    assert members_by_name(tmp_path / "shard.tar")["a.jpg"] == KINDS["jpeg"]
    assert [uuid for uuid, _ in rejected(tmp_path)] == ["a", "a", "../../b", "x.y", "", "b\n,"]
    assert "row 3: the uuid is that of an earlier image" in rejected(tmp_path)[1][1]


@settings(deadline=None, max_examples=40)
@given(choice=st.lists(st.sampled_from([*KINDS, *NOT_IMAGES]), max_size=12), data=st.data())
def test_members_and_undecodable_rows_are_all_rows(
    tmp_path_factory: pytest.TempPathFactory, choice: list[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("shard")
    images = {**KINDS, **NOT_IMAGES}
    numbers = [data.draw(st.integers(0, 8)) for _ in choice]
    rows = [shard_row(number, images[kind]) for number, kind in zip(numbers, choice, strict=True)]
    archive = data.draw(st.sampled_from(["shard.tar", "shard.tar.gz"]))
    report = decode_into(folder, write_shard(folder / "s.parquet", rows), archive=archive)
    names = [member.name for member in read_members(folder / archive)]
    assert len(set(names)) == len(names) == 2 * report.images
    assert len(rejected(folder)) == report.undecodable
    assert report.images + report.undecodable == report.rows == len(rows)


@pytest.mark.parametrize("archive", ["shard.tar", "shard.tar.gz", "shard"])
def test_the_same_shard_gives_the_same_bytes(tmp_path: Path, archive: str) -> None:
    rows = [shard_row(n, data) for n, data in enumerate([*KINDS.values(), b"broken"])]
    shard = write_shard(tmp_path / "s.parquet", rows)
    contents = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        decode_into(folder, shard, "png", archive)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append([(path.relative_to(folder), path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


def test_a_folder_holds_the_same_files_as_a_tar(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.parquet", [shard_row(n, data) for n, data in enumerate(KINDS.values())])
    decode_into(tmp_path, shard)
    decode_into(tmp_path, shard, archive="folder")
    files = {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    assert files == members_by_name(tmp_path / "shard.tar")


def test_an_empty_shard_gives_an_empty_archive(tmp_path: Path) -> None:
    assert decode_into(tmp_path, write_shard(tmp_path / "s.parquet", [])) == DecodeReport()
    assert list(read_members(tmp_path / "shard.tar")) == []
    assert (tmp_path / "undecodable.csv").read_text() == "uuid,reason\n"


def test_a_shard_without_sizes_or_other_columns_decodes(tmp_path: Path) -> None:
    schema = pa.schema([("uuid", pa.large_string()), ("image", pa.large_binary())])
    shard = write_shard(tmp_path / "s.parquet", [{"uuid": "a", "image": KINDS["gif"]}], schema)
    assert decode_into(tmp_path, shard).images == 1
    assert members_by_name(tmp_path / "shard.tar")["a.json"] == b'{"uuid": "a"}'


@pytest.mark.parametrize(
    ("column", "wrong"),
    [("uuid", pa.int64()), ("image", pa.string()), ("original_size", pa.string()), ("resized_size", pa.int64())],
)
def test_a_column_of_a_wrong_type_is_named(tmp_path: Path, column: str, wrong: pa.DataType) -> None:
    schema = UPSTREAM_SCHEMA.set(UPSTREAM_SCHEMA.get_field_index(column), pa.field(column, wrong))
    shard = write_shard(tmp_path / "s.parquet", [], schema)
    with pytest.raises(ShardError, match=rf"s\.parquet, field '{column}': expected .*, found {wrong}"):
        decode_into(tmp_path, shard)
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]


def test_a_table_without_images_is_no_shard(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.parquet", [{"uuid": "a"}], pa.schema([("uuid", pa.string())]))
    with pytest.raises(ShardError, match="field 'image'"):
        decode_into(tmp_path, shard)


def test_an_image_too_wide_for_jpeg_is_accounted_for(tmp_path: Path) -> None:
    wide = encode(Image.new("L", (70_000, 1)), "PNG")
    report = decode_into(tmp_path, write_shard(tmp_path / "s.parquet", [shard_row(0, wide)]), "jpeg")
    assert report == DecodeReport(rows=1, undecodable=1)
    assert "JPEG" in rejected(tmp_path)[0][1]
