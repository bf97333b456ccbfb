"""Embeddings of a shard are the model's, whatever holds it; no bad image harms another, no kill loses a batch."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from tests.embedding_cases import CLASSES, make_facts, picture_bytes, write_mean_model, write_shard_archive
from tests.random_models import make_model, write_model
from tests.shards import encode, shard_row, write_shard
from treeline.errors import InputError, ShardError
from treeline.io.finished_batches import BatchFiles
from treeline.io.images import decode
from treeline.io.parquet import read_metadata, sha256_of_file
from treeline.io.resize import reduce
from treeline.models.embeddings import shard
from treeline.models.embeddings.shard import EmbedReport, embed_shard, rejected_of
from treeline.models.facts import ModelFacts

IMAGES = {f"image-{number}": picture_bytes(number) for number in range(20)}
BROKEN = {"not-an-image": b"GIF89a but no more", "empty": b"", "half": picture_bytes(0)[:60]}


IMPORTED = """
import json, sys
from treeline.cli import app
for command in json.loads(sys.argv[1]):
    app(command, standalone_mode=False)
print(json.dumps(list(sys.modules)))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Embeddings of an archive with good and broken images, one of them in the midst."""
    folder = tmp_path_factory.mktemp("embedded")
    archive = write_shard_archive(folder / "shard.tar", {"empty-first": b"", **IMAGES, **BROKEN})
    embed_shard(archive, folder / "embeddings.parquet", model=model, batch_size=8)
    return folder / "embeddings.parquet"


def rejected(target: Path) -> dict[str, str]:
    rows = pyarrow.csv.read_csv(rejected_of(target)).to_pylist()
    return {row["uuid"]: row["reason"] for row in rows}


def test_embeddings_and_labels_are_those_of_torch(embedded: Path) -> None:
    eager = make_model(make_facts())
    pixels = np.stack([reduce(decode(data), (16, 16)) for data in IMAGES.values()])
    with torch.inference_mode():
        outputs, embeddings = eager(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
    shares = outputs.softmax(1)
    frame = pd.read_parquet(embedded)
    assert frame.uuid.tolist() == list(IMAGES)
    np.testing.assert_allclose(np.stack(frame.embedding.to_list()), embeddings.numpy(), rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(frame.confidence, shares.max(1).values.numpy(), atol=1e-4)
    assert frame.label.tolist() == [CLASSES[number] for number in shares.argmax(1).tolist()]


def test_every_image_is_embedded_or_rejected_with_its_reason(embedded: Path) -> None:
    reasons = rejected(embedded)
    assert list(reasons) == ["empty-first", *BROKEN]
    assert all(reasons.values())
    assert len(reasons) + pq.read_metadata(embedded).num_rows == 1 + len(IMAGES) + len(BROKEN)


def test_the_file_says_of_which_model_it_is(embedded: Path, model: Path) -> None:
    metadata = read_metadata(embedded)
    assert metadata["model_sha256"] == sha256_of_file(model)
    assert ModelFacts.model_validate_json(metadata["model_facts"]) == make_facts()
    assert metadata["version"]


def test_arrow_pandas_and_duckdb_read_the_same_numbers(embedded: Path) -> None:
    by_arrow = np.array(pq.read_table(embedded)["embedding"].to_pylist(), np.float32)
    by_pandas = np.stack(pd.read_parquet(embedded).embedding.to_list())
    by_duckdb = np.array(
        [row for (row,) in duckdb.connect().execute(f"SELECT embedding FROM '{embedded}'").fetchall()], np.float32
    )
    assert by_pandas.dtype == np.float16
    assert (by_arrow == by_pandas).all() and (by_arrow == by_duckdb).all()


def test_containers_and_batches_change_nothing_but_rounding(embedded: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for uuid, data in IMAGES.items():
        (folder / f"{uuid}.png").write_bytes(data)
    sources = (
        write_shard_archive(tmp_path / "shard.tar.gz", IMAGES),
        write_shard(tmp_path / "rows.parquet", [shard_row(n, data) for n, data in enumerate(IMAGES.values())]),
        folder,
    )
    expected = pd.read_parquet(embedded).set_index("uuid")
    for number, source in enumerate(sources):
        target = tmp_path / f"{number}.parquet"
        report = embed_shard(source, target, model=model, batch_size=3 + number)
        assert (report.embedded, report.rejected) == (len(IMAGES), [])
        found = pd.read_parquet(target).set_index("uuid").loc[expected.index]
        assert found.label.tolist() == expected.label.tolist()
        np.testing.assert_allclose(
            np.stack(found.embedding.to_list()), np.stack(expected.embedding.to_list()), rtol=2e-3, atol=1e-3
        )


def test_a_shard_without_images_has_no_rows_and_all_columns(embedded: Path, model: Path, tmp_path: Path) -> None:
    report = embed_shard(write_shard_archive(tmp_path / "s.tar", {}), tmp_path / "e.parquet", model=model)
    assert report == EmbedReport()
    assert pq.read_schema(tmp_path / "e.parquet") == pq.read_schema(embedded)
    assert rejected_of(tmp_path / "e.parquet").read_text() == "uuid,reason\n"


@pytest.mark.parametrize("task", ["multilabel", "regression", "segmentation"])
def test_what_each_task_gives(task: Any, tmp_path: Path) -> None:
    model = write_mean_model(tmp_path / "model.onnx", make_facts(task))
    embed_shard(write_shard_archive(tmp_path / "s.tar", IMAGES), tmp_path / "e.parquet", model=model)
    frame = pd.read_parquet(tmp_path / "e.parquet")
    columns = ["uuid", "embedding", *(["label", "confidence"] if task == "multilabel" else [])]
    assert frame.columns.tolist() == columns
    assert len(frame) == len(IMAGES)
    if task == "multilabel":
        assert frame.label.isin(CLASSES).all() and frame.confidence.between(0, 1).all()


def test_numbers_beyond_half_precision_are_rejected_and_not_infinite(tmp_path: Path) -> None:
    model = write_mean_model(tmp_path / "model.onnx", factor=1000)
    images = {shade: encode(Image.new("RGB", (16, 16), (value,) * 3), "PNG") for shade, value in (("a", 65), ("b", 66))}
    report = embed_shard(write_shard_archive(tmp_path / "s.tar", images), tmp_path / "e.parquet", model=model)
    assert report.embedded == 1  # 65,504 is the largest number
    assert report.rejected == [("b", "the model gives no finite numbers for it")]


def test_a_model_of_other_channels_is_refused(tmp_path: Path) -> None:
    model = write_mean_model(tmp_path / "model.onnx", make_facts(channels=4))
    archive = write_shard_archive(tmp_path / "s.tar", IMAGES | BROKEN)
    with pytest.raises(
        InputError, match=r"model\.onnx: no image .* fit the model: .* takes 4\. .* channel_0, channel_1"
    ):
        embed_shard(archive, tmp_path / "e.parquet", model=model)
    assert not (tmp_path / "e.parquet").exists() and not rejected_of(tmp_path / "e.parquet").exists()


def test_what_is_no_model_is_one_clear_error(model: Path, tmp_path: Path) -> None:
    archive = write_shard_archive(tmp_path / "s.tar", IMAGES)
    contents = {"text": b"no model", "empty": b"", "cut": model.read_bytes()[:-5000]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: is "):
            embed_shard(archive, tmp_path / "e.parquet", model=tmp_path / name)
    with pytest.raises(InputError, match="is not there"):
        embed_shard(archive, tmp_path / "e.parquet", model=tmp_path / "absent")


def test_a_damaged_archive_leaves_no_file(model: Path, tmp_path: Path) -> None:
    archive = write_shard_archive(tmp_path / "s.tar", IMAGES)
    archive.write_bytes(archive.read_bytes()[:9000])
    with pytest.raises(ShardError, match="not a whole tar archive"):
        embed_shard(archive, tmp_path / "e.parquet", model=model)
    assert not (tmp_path / "e.parquet").exists()


def test_stopped_jobs_lose_no_batch_and_change_no_byte(model: Path, tmp_path: Path) -> None:
    images = {f"image-{number}": picture_bytes(number) for number in range(40)} | BROKEN
    archive = write_shard_archive(tmp_path / "s.tar", images)
    embed_shard(archive, tmp_path / "whole.parquet", model=model, batch_size=2)
    target = tmp_path / "e.parquet"
    for stop, batches in ((signal.SIGKILL, 4), (signal.SIGTERM, 9)):
        # A fork, because a new process would spend seconds on importing what this one has imported.
        arguments = (stop, batches, archive, target, model)
        process = multiprocessing.get_context("fork").Process(target=embed_until_stopped, args=arguments)
        process.start()
        process.join()
        assert process.exitcode == -stop
        assert not target.exists()
        assert len(list((tmp_path / "e.parquet.partial").glob("*/batch-*.arrow"))) == batches
    report = embed_shard(archive, target, model=model, batch_size=2)
    assert report.resumed == 2 * 9
    assert target.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert rejected(target) == rejected(tmp_path / "whole.parquet")
    assert {file.name for file in tmp_path.iterdir() if "e.parquet" in file.name} == {"e.parquet", "whole.parquet"}


def embed_until_stopped(stop: signal.Signals, batches: int, archive: Path, target: Path, model: Path) -> None:
    """In a process of its own: embed, and get a signal once so many batches are finished."""
    write = BatchFiles.write

    def write_and_stop(files: BatchFiles, number: int, content: bytes) -> None:
        write(files, number, content)
        if number == batches - 1:
            os.kill(os.getpid(), stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchFiles, "write", write_and_stop)
        embed_shard(archive, target, model=model, batch_size=2)


def test_batches_are_taken_for_the_same_model_only(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, target = write_shard_archive(tmp_path / "s.tar", IMAGES), tmp_path / "e.parquet"
    for again, resumed in ((model, len(IMAGES)), (write_mean_model(tmp_path / "other.onnx"), 0)):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="no room"):
            patch.setattr(shard, "write_text", no_room)
            embed_shard(archive, target, model=model, batch_size=3)
        assert not target.exists()
        assert embed_shard(archive, target, model=again, batch_size=3).resumed == resumed
        target.unlink()


def no_room(target: Path, content: str) -> None:
    raise OSError(errno.ENOSPC, "no room")


def test_no_job_imports_torch(model: Path, tmp_path: Path) -> None:
    archive, target = write_shard_archive(tmp_path / "s.tar", IMAGES), tmp_path / "e.parquet"
    embed = ["models", "embed", model, archive, "--output", target]
    similar = ["models", "similar", target, "--id", "image-0"]
    commands = json.dumps([list(map(str, arguments)) for arguments in (embed, similar)])
    done = subprocess.run([sys.executable, "-c", IMPORTED, commands], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "image-1" in done.stdout
    assert not {"torch", "lightning", "torchvision"} & set(json.loads(done.stdout.splitlines()[-1]))
