"""What models say of images: a row for each that can be read, whatever it lies in, and a list of the others."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from tests.exported_models import SIZE, facts_of, write_colours, write_model
from treeline.datasets.resizing import Resize
from treeline.errors import InputError, ShardError, TreelineError
from treeline.io.encode import encode_jpeg, encode_png
from treeline.io.image_sources import Place
from treeline.io.tar import tar_writer
from treeline.models.cli import app
from treeline.models.inference import OnnxModel
from treeline.models.predict.answers import DECIMALS
from treeline.models.predict.images import failures_file, load_named
from treeline.models.predict.predict import Predicted, PredictOptions, predict
from treeline.models.predict.table_file import table_file
from treeline.models.trained import Trained

RGB = ["red", "green", "blue"]
COLOURS = {"red": (250, 10, 20), "green": (10, 250, 20), "blue": (10, 20, 250)}
ODD_NAMES = ["ä ö/ß.png", 'quo"te, and;.png', "line\nbreak.png", "=1+1.png", "%s {x}.png"]


def picture(colour: str, size: tuple[int, int] = (20, 30)) -> bytes:
    return encode_png(np.full((*size, 3), COLOURS[colour], np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def colours(folder: Path) -> Path:
    """A model that names the strongest colour."""
    return write_colours(folder / "colours.onnx", "multiclass", class_names=RGB)


@pytest.fixture(scope="module")
def network(folder: Path) -> tuple[Path, Trained]:
    return write_model(folder / "network.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of noise of several sizes."""
    generator = np.random.default_rng(0)
    target = tmp_path / "photos"
    target.mkdir()
    for number in range(11):
        pixels = generator.integers(0, 256, (18 + number, 40, 3), dtype=np.uint8)
        (target / f"{number:02d}.jpg").write_bytes(encode_jpeg(pixels, 95))
    return target


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_image_of_folders_archives_and_shards_is_a_row_or_a_failure(colours: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    for name in ODD_NAMES:
        (loose / name).parent.mkdir(parents=True, exist_ok=True)
        (loose / name).write_bytes(picture("red"))
    (loose / "broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (loose / "empty.png").touch()
    with tar_writer(tmp_path / "in.tar") as tar:
        tar.add("green.png", picture("green"))
        tar.add("green.json", b"{}")
        tar.add("cut.png", picture("green")[:50])
    uuids, images = ["u1", "u2", "u3"], [picture("blue"), b"nothing", None]
    pq.write_table(pa.table({"uuid": uuids, "image": pa.array(images, pa.binary())}), tmp_path / "shard.parquet")

    sources = [str(loose), str(tmp_path / "in.tar"), str(tmp_path / "shard.parquet")]
    output = tmp_path / "out" / "predictions.csv"
    command = ["predict", str(colours), *sources, "--output", str(output), "--batch-size", "2"]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0

    found = {row["image"]: row["label"] for row in rows_of(output)}
    assert found == {**dict.fromkeys(ODD_NAMES, "red"), "green.png": "green", "u1": "blue"}
    assert list(found)[-2:] == ["green.png", "u1"]
    failures = {row["image"]: row["reason"] for row in rows_of(output.with_name("predictions.failures.csv"))}
    assert set(failures) == {"broken.jpg", "empty.png", "cut.png", "u2", "u3"}
    assert all(failures.values())


def test_answers_are_those_of_the_trained_model(network: tuple[Path, Trained], photos: Path, tmp_path: Path) -> None:
    file, trained = network
    predict(file, [photos], tmp_path / "out.parquet", PredictOptions())
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(table) == 11
    for row in table:
        pixels = np.asarray(Image.open(photos / row["image"]))
        resized, _, _ = Resize(*SIZE).cut(pixels, None, None, 0, np.random.default_rng())
        outputs, _ = trained.model(torch.tensor(resized).permute(2, 0, 1)[None].float())
        expected = outputs.softmax(1)[0].detach().numpy()
        given = [row[f"probability_{name}"] for name in trained.facts.class_names]
        np.testing.assert_allclose(given, expected, atol=10**-DECIMALS)
        assert row["label"] == trained.facts.class_names[int(np.argmax(given))]
        assert row["confidence"] == max(given)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_bytes_do_not_depend_on_the_batch(
    ending: str, network: tuple[Path, Trained], photos: Path, tmp_path: Path
) -> None:
    contents = set()
    for batch_size in (1, 2, 3, 11, 64):
        output = tmp_path / f"{batch_size}.{ending}"
        predict(network[0], [photos], output, PredictOptions(batch_size=batch_size))
        contents.add(output.read_bytes())
    assert len(contents) == 1


def test_it_works_without_torch(colours: Path, photos: Path, tmp_path: Path) -> None:
    command = ["predict", str(colours), str(photos), "--output", str(tmp_path / "out.parquet")]
    program = (
        "import sys; from treeline.models.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "11 images; 0 cannot be predicted" in done.stdout


def test_numbers_labels_and_masks(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[:20, :, 0] = 200
    pixels[20:, :, 2] = 220
    (source / "half.png").write_bytes(encode_png(pixels))

    def row(task: Any, **changes: Any) -> dict[str, Any]:
        model = folder / f"{task}.onnx"
        predict(write_colours(model, task, **changes), [source], tmp_path / "out.parquet", PredictOptions())
        [found] = pq.read_table(tmp_path / "out.parquet").to_pylist()
        return dict(found)

    assert row("regression") == {"image": "half.png", "value": pytest.approx(100)}
    labels = row("multilabel", class_names=RGB)
    assert labels["labels"] == "red; blue"
    assert [labels[f"probability_{name}"] for name in RGB] == [0.5, 0.0, 0.7311]

    shown = row("segmentation", class_names=[*RGB, "none"])
    assert shown == {
        "image": "half.png",
        "mask": "out.masks/half.png.png",
        **{"share_red": 0.5, "share_green": 0.0, "share_blue": 0.5, "share_none": 0.0},
    }
    mask = np.asarray(Image.open(tmp_path / shown["mask"]))
    np.testing.assert_array_equal(mask, np.where(np.arange(40)[:, None] < 20, 0, 2).repeat(50, 1))
    # What an earlier run has shown is no source of the next one.
    model = folder / "segmentation.onnx"
    assert predict(model, [tmp_path], tmp_path / "out.csv", PredictOptions()) == Predicted(1, 0)
    (tmp_path / "mine.masks").mkdir()
    with pytest.raises(InputError, match="of no earlier run"):
        predict(model, [source], tmp_path / "mine.csv", PredictOptions())


def test_only_the_best_classes_are_written_where_they_are_many(colours: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(picture("green"))
    predict(colours, [tmp_path / "in"], tmp_path / "out.csv", PredictOptions(top=2))
    [row] = rows_of(tmp_path / "out.csv")
    assert list(row) == ["image", "label", "confidence", "label_2", "confidence_2"]
    assert (row["label"], row["label_2"]) == ("green", "blue")


def damaged(model: Path) -> Iterator[bytes]:
    content = model.read_bytes()
    yield b""
    yield b"no model"
    yield content[: len(content) // 2]
    yield content[:-40]
    yield content.replace(b"treeline", b"treeLINE")
    yield content.replace(b'"multiclass"', b'"multiclaSS"')


def test_what_is_no_model_is_refused(colours: Path, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    for content in damaged(colours):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.onnx"):
            predict(file, [photos], tmp_path / "out.csv", PredictOptions())
    file.unlink()
    with pytest.raises(InputError, match="is not there"):
        predict(file, [photos], tmp_path / "out.csv", PredictOptions())
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "other", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10), file)
    with pytest.raises(InputError, match="none of Treeline"):
        predict(file, [photos], tmp_path / "out.csv", PredictOptions())
    assert not list(tmp_path.glob("out*"))


def test_images_of_other_channels_are_failures(folder: Path, photos: Path, tmp_path: Path) -> None:
    facts = facts_of("regression", channels=["near infrared"], mean=[0.0], std=[1.0])
    model = write_colours(
        folder / "infrared.onnx", "regression", **facts.model_dump(include={"channels", "mean", "std"})
    )
    assert predict(model, [photos], tmp_path / "out.csv", PredictOptions()) == Predicted(0, 11)
    [reason] = {row["reason"] for row in rows_of(tmp_path / "out.failures.csv")}
    assert reason == "has 3 channels; the model takes 1"


def test_an_image_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    with tar_writer(tmp_path / "in.tar") as tar:
        tar.add("a.png", picture("red"))
    places = {"x.png": Place(str(tmp_path / "x.png"), "file"), "y.png": Place(str(tmp_path / "in.tar"), "archive")}
    with failures_file(tmp_path / "failures.csv") as failures:
        assert list(load_named(places, failures)) == []
    reasons = {row["image"]: row["reason"] for row in rows_of(tmp_path / "failures.csv")}
    assert reasons == {"x.png": "cannot be read: No such file or directory", "y.png": "is not there any more"}


def test_what_is_broken_off_leaves_nothing(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_colours(tmp_path / "model.onnx", "segmentation")
    run, calls = OnnxModel.run, []

    def run_once(self: OnnxModel, prepared: Any) -> Any:
        calls.append(len(prepared))
        if len(calls) > 1:
            raise KeyboardInterrupt
        return run(self, prepared)

    monkeypatch.setattr(OnnxModel, "run", run_once)
    before = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        predict(model, [photos], tmp_path / "out.csv", PredictOptions(batch_size=2))
    assert set(tmp_path.iterdir()) == before


def test_sources_that_say_nothing_or_two_things_are_refused(colours: Path, photos: Path, tmp_path: Path) -> None:
    def refuse(sources: list[Path], message: str, error: type[TreelineError] = InputError) -> None:
        with pytest.raises(error, match=message):
            predict(colours, sources, tmp_path / "out.csv", PredictOptions())

    (tmp_path / "empty").mkdir()
    refuse([tmp_path / "empty"], "holds no image")
    refuse([tmp_path / "nowhere"], "no such file")
    refuse([photos, photos], "both in")
    with tar_writer(tmp_path / "whole.tar") as tar:
        for path in sorted(photos.iterdir()):
            tar.add(path.name, path.read_bytes())
    (tmp_path / "cut.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:3000])
    refuse([tmp_path / "cut.tar"], "cut.tar", ShardError)
    (tmp_path / "empty" / b"\xff.png".decode(errors="surrogateescape")).write_bytes(picture("red"))
    refuse([tmp_path / "empty"], "is not UTF-8")
    assert not list(tmp_path.glob("out*"))
    regression = write_colours(tmp_path / "regression.onnx", "regression")
    with pytest.raises(InputError, match="is a model of regression"):
        predict(regression, [photos], tmp_path / "out.csv", PredictOptions(top=2))
    command = ["predict", str(colours), str(photos), "--output", str(tmp_path / "out.xlsx")]
    assert CliRunner().invoke(app, command).exit_code == 2


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=20)
@given(st.lists(st.tuples(text, st.floats(0, 1).map(lambda value: round(value, DECIMALS)))))
def test_both_forms_of_a_table_hold_the_same(rows: list[tuple[str, float]]) -> None:
    schema = pa.schema([("image", pa.string()), ("confidence", pa.float64())])
    with TemporaryDirectory() as folder:
        for name in ("t.csv", "t.parquet"):
            with table_file(Path(folder, name), schema) as write:
                for row in rows:
                    write(row)
        stored = [tuple(row.values()) for row in pq.read_table(Path(folder, "t.parquet")).to_pylist()]
        listed = [(row["image"], float(row["confidence"])) for row in rows_of(Path(folder, "t.csv"))]
    assert stored == listed == rows
