"""Tools that judge images one by one: each image of a shard gets a verdict, and later stages take what is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.shards import encode, encoded_kinds, picture, raw_bgr, shard_row, write_shard
from treeline.config_tools import FilterByUuid, ImageVerification, SizeBased
from treeline.decode.shard import DecodeReport, decode_shard
from treeline.errors import InputError, ShardError
from treeline.io.parquet import write_table
from treeline.io.verdicts import kept_uuids
from treeline.schemas import VERDICTS
from treeline.tools.custom import custom
from treeline.tools.filter_by_uuid import filter_by_uuid
from treeline.tools.image_verification import image_verification
from treeline.tools.judge import Judge, judge_shard
from treeline.tools.size_based import size_based

SIZE = (24, 36)
PHOTO = encode(Image.fromarray(picture()), "PNG")
MAX_PIXELS = 10**6


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def judged(folder: Path, judge: Judge, rows: list[dict[str, Any]], kept_by: list[Path] | None = None) -> pa.Table:
    successes = write_shard(folder / "successes.parquet", rows)
    judge_shard(successes, kept_by or [], judge, folder / "verdicts.parquet")
    table = pq.read_table(folder / "verdicts.parquet")
    assert table.schema.equals(VERDICTS)
    return table


def write_verdicts(path: Path, verdicts: dict[str, str]) -> Path:
    rows = [{"uuid": uuid, "verdict": verdict} for uuid, verdict in verdicts.items()]
    write_table(path, pa.Table.from_pylist(rows, VERDICTS))
    return path


def test_small_images_are_dropped_by_the_smaller_side_of_the_original(tmp_path: Path) -> None:
    sizes = [(224, 300), (223, 300), (300, 223), None]
    rows = [shard_row(number, PHOTO, size) for number, size in enumerate(sizes)]
    table = judged(tmp_path, size_based(SizeBased(threshold_size=224)), rows)
    assert table["uuid"].to_pylist() == [f"image-{number}" for number in range(4)]
    assert table["verdict"].to_pylist() == ["keep", "drop", "drop", "drop"]
    assert table["value"].to_pylist() == [224, 223, 223, None]
    assert [reason is None for reason in table["reason"].to_pylist()] == [True, False, False, False]


def cut_off() -> bytes:
    """What a decoder makes of a JPEG whose end is missing: the lower rows are grey."""
    pixels = picture(40, 40)
    pixels[30:] = 128
    return encode(Image.fromarray(pixels), "PNG")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image": PHOTO}, None),
        ({"image": PHOTO, "hashsum_resized": "0" * 32}, "not those of hashsum_resized"),
        ({"image": PHOTO, "resized_size": [24, 37]}, "resized_size says otherwise"),
        ({"image": PHOTO[:-40]}, "corrupt PNG"),
        ({"image": b"<html>"}, "neither an encoded image"),
        ({"image": None}, "holds no image bytes"),
        ({"image": encode(Image.new("RGB", (36, 24), "white"), "PNG")}, "blank"),
        ({"image": cut_off(), "resized_size": [40, 40]}, "the lowest 25% of the rows are of one grey"),
        ({"image": raw_bgr(picture())}, None),
        *(({"image": data}, None) for kind, data in encoded_kinds().items() if "black and white" not in kind),
    ],
)
def test_images_are_verified(tmp_path: Path, row: dict[str, Any], reason: str | None) -> None:
    row = {"hashsum_resized": md5(row["image"] or b""), **row}
    rows = [{**shard_row(0, None, SIZE), **row}]
    table = judged(tmp_path, image_verification(ImageVerification(), MAX_PIXELS), rows)
    assert table["verdict"].to_pylist() == ["keep" if reason is None else "drop"]
    assert reason is None or reason in table["reason"][0].as_py()


def test_a_list_of_uuids_keeps_or_drops(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,uuid\na,image-1\nb,image-9\n")
    rows = [shard_row(number, PHOTO, SIZE) for number in range(3)]
    for listed, verdicts in (("keep", ["drop", "keep", "drop"]), ("drop", ["keep", "drop", "keep"])):
        block = FilterByUuid(uuids=str(tmp_path / "list.csv"), listed=listed)
        assert judged(tmp_path, filter_by_uuid(block), rows)["verdict"].to_pylist() == verdicts


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("list.csv", "name\na\n", "field 'uuid': the column is missing; the file has: name"),
        ("list.csv", 'uuid,name\na,b\nc,"d\n', "row 2: has too few or too many fields"),
        ("list.csv", None, "no such file"),
        ("list.doc", "uuid\na\n", "unknown format"),
        ("list.parquet", "uuid\na\n", "cannot be read"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, name: str, text: str | None, problem: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=problem):
        filter_by_uuid(FilterByUuid(uuids=str(tmp_path / name)))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
@settings(max_examples=20)
def test_what_all_tools_keep_is_taken(
    tmp_path_factory: pytest.TempPathFactory, verdicts: list[tuple[bool, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    files = [
        write_verdicts(
            folder / f"{tool}.parquet",
            {f"image-{number}": "keep" if both[tool] else "drop" for number, both in enumerate(verdicts)},
        )
        for tool in (0, 1)
    ]
    expected = [f"image-{number}" for number, both in enumerate(verdicts) if all(both)]
    kept = kept_uuids(files)
    assert kept is not None
    assert kept.to_pylist() == expected
    successes = write_shard(folder / "s.parquet", [shard_row(number, PHOTO, SIZE) for number in range(len(verdicts))])
    report = decode_shard(successes, folder / "s.tar", folder / "u.csv", image_format="stored", kept_by=files)
    assert report == DecodeReport(rows=len(expected), images=len(expected))


def test_a_tool_looks_at_what_others_keep(tmp_path: Path) -> None:
    others = write_verdicts(tmp_path / "other.parquet", {"image-0": "keep", "image-1": "drop"})
    rows = [shard_row(number, PHOTO, SIZE) for number in range(3)]
    table = judged(tmp_path, size_based(SizeBased(threshold_size=1)), rows, [others])
    assert table["uuid"].to_pylist() == ["image-0"]


def test_verdicts_that_are_none_are_refused(tmp_path: Path) -> None:
    broken = write_verdicts(tmp_path / "other.parquet", {"image-0": "perhaps"})
    with pytest.raises(ShardError, match="expected keep or drop, found perhaps"):
        kept_uuids([broken])


BRIGHT = """
import io
import numpy as np
from PIL import Image
from treeline.tools.judge import drop, keep

def judge(rows):
    for image in rows["image"].to_pylist():
        brightness = np.asarray(Image.open(io.BytesIO(image)).convert("L")).mean()
        yield keep(brightness) if brightness > 100 else drop("too dark", brightness)
"""


def test_a_tool_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "bright.py").write_text(BRIGHT)
    dark = encode(Image.fromarray(picture() // 4), "PNG")
    rows = [shard_row(0, PHOTO, SIZE), shard_row(1, dark, SIZE)]
    table = judged(tmp_path, custom(tmp_path / "bright.py"), rows)
    assert table["verdict"].to_pylist() == ["keep", "drop"]
    assert table["reason"].to_pylist() == [None, "too dark"]
    assert np.isclose(table["value"][0].as_py(), np.asarray(Image.fromarray(picture()).convert("L")).mean())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError in line 1: No module named 'nothing_of_that_name'"),
        ("def judge(rows) return", "SyntaxError"),
        ("x = 1", "field 'judge': has no function of that name"),
        ("def judge(rows):\n    return []", "gave 0 verdicts for 2 rows"),
        ("def judge(rows):\n    return [('maybe',)] * len(rows)", "'maybe' is no verdict"),
        ("def judge(rows):\n    yield 1 / 0", "from image-0 to image-1: ZeroDivisionError in line 2"),
    ],
)
def test_what_is_wrong_with_a_tool_is_said(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "tool.py").write_text(text)
    with pytest.raises(InputError, match=problem):
        judged(tmp_path, custom(tmp_path / "tool.py"), [shard_row(number, PHOTO, SIZE) for number in range(2)])
    assert not (tmp_path / "verdicts.parquet").exists()
