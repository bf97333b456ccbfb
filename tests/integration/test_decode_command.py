"""`treeline decode` as a user runs it, and its archives as the webdataset package reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import webdataset

from tests.shards import encoded_kinds, picture, raw_bgr, shard_row, write_shard

KINDS = encoded_kinds()


def treeline(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "treeline", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_webdataset_reads_the_archive(tmp_path: Path, suffix: str) -> None:
    images = [KINDS["jpeg"], raw_bgr(picture()), b"broken", KINDS["png"]]
    shard = write_shard(tmp_path / "s.parquet", [shard_row(n, data, (24, 36)) for n, data in enumerate(images)])
    archive, undecodable = tmp_path / f"shard{suffix}", tmp_path / "undecodable.csv"
    done = treeline(
        *("decode", "shard", "--successes", shard, "--archive", archive, "--undecodable", undecodable),
        *("--format", "jpeg", "--quality", 95, "--log", tmp_path / "job.log"),
    )
    assert done.returncode == 0, done.stderr
    samples = list(webdataset.WebDataset(str(archive), shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == ["image-0", "image-1", "image-3"]
    for sample in samples:
        assert np.abs(sample["jpg"].astype(int) - picture().astype(int)).mean() < 3
        assert sample["json"]["uuid"] == sample["__key__"]
        assert sample["json"]["source"] == "Museé d’été"
    assert undecodable.read_text().startswith("uuid,reason\nimage-2,6 bytes are neither")
    assert "4 rows, 3 images, 1 undecodable" in (tmp_path / "job.log").read_text()


def test_files_are_decoded_without_a_pipeline(tmp_path: Path) -> None:
    write_shard(tmp_path / "in" / "successes.parquet", [shard_row(0, KINDS["gif"]), shard_row(1, None)])
    done = treeline("decode", "files", tmp_path / "in", tmp_path / "out")
    assert done.stdout == "2 rows: 1 images, 1 undecodable\n"
    (sample,) = webdataset.WebDataset(str(tmp_path / "out" / "successes.tar"), shardshuffle=False)
    assert sample["gif"] == KINDS["gif"]


def test_an_archive_of_another_format_is_named_when_it_is_kept(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.parquet", [shard_row(0, KINDS["gif"])])
    assert treeline("decode", "files", shard, tmp_path / "out").returncode == 0
    done = treeline("decode", "files", shard, tmp_path / "out", "--format", "png")
    assert done.stdout == "0 rows: 0 images, 0 undecodable\n"
    assert f"WARNING treeline.decode.files: {tmp_path / 'out' / 's.tar'}: kept as an earlier run made it" in done.stderr


def test_more_pixels_than_the_given_limit_are_undecodable(tmp_path: Path) -> None:
    shard = write_shard(
        tmp_path / "s.parquet", [shard_row(0, KINDS["gif"]), shard_row(1, raw_bgr(picture()), (24, 36))]
    )
    for limit, images in ((24 * 36, 2), (24 * 36 - 1, 0)):
        done = treeline("decode", "files", shard, tmp_path / str(limit), "--max-pixels", limit)
        assert done.stdout == f"2 rows: {images} images, {2 - images} undecodable\n"
        archive, undecodable = tmp_path / f"{limit}.tar", tmp_path / f"{limit}.csv"
        treeline(
            *("decode", "shard", "--successes", shard, "--archive", archive),
            *("--undecodable", undecodable, "--max-pixels", limit),
        )
        assert undecodable.read_text().count(f"more than the limit of {limit}") == 2 - images


def test_a_user_s_mistake_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = treeline("decode", "files", tmp_path / "missing.parquet", tmp_path / "out")
    assert done.returncode == 2
    assert "missing.parquet: no such file or folder." in done.stderr
    assert "Traceback" not in done.stderr
