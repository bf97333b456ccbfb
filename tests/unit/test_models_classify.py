"""A classifier's answers go into the detector's results, which are else as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from typer.testing import CliRunner

from tests.exported_models import facts_of, write_colours
from tests.results import FILES, contents, detection, package_errors, results, write
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source
from treeline.detections.preview.page import Numbering, describe
from treeline.detections.preview.parts import Part
from treeline.errors import InputError
from treeline.io.encode import encode_png
from treeline.io.read_results import read_results
from treeline.io.tar import tar_writer
from treeline.io.write_results import write_detections
from treeline.models.cli import app
from treeline.models.predict.answers import DECIMALS, columns_of, rank_classes, row_of
from treeline.models.predict.classify import Classified, ClassifyOptions, classify_detections

RGB = ["red", "green", "blue"]
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0)
ALL = ClassifyOptions(threshold=0, categories=None, top=3)


def two_halves(middle: int = 30) -> bytes:
    """An image that is red on the left and blue on the right."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :middle, 0] = 250
    pixels[:, middle:, 2] = 250
    return encode_png(pixels)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that names the strongest colour."""
    return write_colours(tmp_path_factory.mktemp("models") / "colours.onnx", "multiclass", class_names=RGB)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(two_halves())
    return folder


def classified(file: Path) -> dict[str, list[Any]]:
    """The best class of each detection, by image."""
    content = json.loads(file.read_text("utf-8"))
    kinds = content.get("classification_categories", {})
    return {
        image["file"]: [
            kinds[found["classifications"][0][0]] if found.get("classifications") else None
            for found in image["detections"] or ()
        ]
        for image in content["images"]
    }


def without_classes(file: Path) -> Any:
    content = json.loads(file.read_text("utf-8"))
    content.pop("classification_categories", None)
    content.pop("classification_category_descriptions", None)
    content.pop("info")
    for image in content["images"]:
        for found in image["detections"] or ():
            found.pop("classifications", None)
    return content


def test_each_detection_that_is_asked_for_gets_its_classes(model: Path, tmp_path: Path) -> None:
    with tar_writer(tmp_path / "shard.tar") as tar:
        tar.add("a.png", two_halves())
        tar.add("b.png", two_halves())
        tar.add("nothing.png", two_halves())
    content = results(
        {
            "file": "a.png",
            "detections": [
                detection(0.9, "1", RIGHT),
                detection(0.8, "1", LEFT, note="kept"),
                detection(0.7, "2", LEFT),
                detection(0.1, "1", LEFT),
                detection(-0.9, "1", LEFT),
            ],
        },
        {"file": "nothing.png", "detections": []},
        {"file": "broken.png", "failure": "image access failure", "detections": None},
        {"file": "b.png", "detections": [detection(0.3, "1", LEFT, classifications=None)], "site": "north"},
    )
    content["info"]["custom_metadata"] = {"x": 1}
    source = write(tmp_path / "results.json", content)
    output = tmp_path / "classified.json"
    command = ["classify", str(model), "--detections", str(source), "--images", str(tmp_path / "shard.tar")]
    options = ["--output", str(output), "--category", "animal", "--top", "2"]
    assert CliRunner().invoke(app, [*command, *options], catch_exceptions=False).exit_code == 0

    assert package_errors(output) == []
    assert classified(output) == {
        "a.png": ["blue", "red", None, None, None],
        "nothing.png": [],
        "broken.png": [],
        "b.png": ["red"],
    }
    assert without_classes(output)["images"] == without_classes(source)["images"]
    made = json.loads(output.read_text("utf-8"))
    assert made["classification_categories"] == {"1": "red", "2": "green", "3": "blue"}
    assert made["info"]["custom_metadata"] == {"x": 1}
    assert made["info"]["classifier"] == facts_of("multiclass").run
    first = made["images"][0]["detections"][0]["classifications"]
    assert first == [["3", 1.0], ["1", 0.0]]


def test_the_gallery_shows_the_best_class(model: Path, images: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "results.json", results({"file": "a.jpg", "detections": [detection(0.9, "1", RIGHT)]}))
    classify_detections(model, source, [images], tmp_path / "out.json", ALL)
    made = read_results(tmp_path / "out.json")
    classes = Numbering()
    part = Part("", tmp_path / "out.json", images)
    shown = describe("0", part, made["images"][0], made, Numbering(), classes)
    assert classes.names[int(shown["boxes"][0][-2])] == "blue"


def test_the_catalogue_takes_the_best_class(model: Path, images: Path, tmp_path: Path) -> None:
    found = [detection(0.9, "1", RIGHT), detection(0.1, "1", LEFT)]
    source = write(tmp_path / "results.json", results({"file": "a.jpg", "detections": found}))
    classify_detections(model, source, [images], tmp_path / "out.json", ClassifyOptions(0.2, None, 3))
    catalog = tmp_path / "catalog.duckdb"
    ingest(catalog, Source("found", "megadetector", tmp_path / "out.json", "cams"), memory_mb=1024, threads=1)
    with duckdb.connect(str(catalog), read_only=True) as connection:
        rows = connection.execute("SELECT category, class FROM boxes ORDER BY box").fetchall()
    assert rows == [("animal", "blue"), ("animal", None)]


@settings(max_examples=20)
@given(content=contents())
def test_all_else_stays_whatever_the_results_hold(content: dict[str, Any], model: Path, images: Path) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = write(folder / "in.json", content)
        counts = classify_detections(model, source, [images], folder / "out.json", ALL)
        expected = read_results(source)
        write_detections(folder / "plain.json", expected)
        made = read_results(folder / "out.json")
        assert without_classes(folder / "out.json") == without_classes(folder / "plain.json")
        assert package_errors(folder / "out.json") == package_errors(folder / "plain.json")
        before, after = expected.get("classification_categories", {}), made["classification_categories"]
        assert before.items() <= after.items()
        assert set(RGB) <= set(after.values())
        found = [one for image in made["images"] for one in image["detections"] or () if one["conf"] >= 0]
        assert counts.detections == len(found)
        for one in found:
            chances = [chance for _, chance in one["classifications"] or ()]
            assert len(chances) == 3
            assert chances == sorted(chances, reverse=True)


def test_the_same_bytes_for_any_batch_and_a_second_time(model: Path, images: Path, tmp_path: Path) -> None:
    found = [detection(0.9, "1", (0.1 * place, 0.2, 0.3, 0.5)) for place in range(7)]
    source = write(tmp_path / "in.json", results(*({"file": name, "detections": found} for name in FILES)))
    first, second, again = (tmp_path / name for name in ("first.json", "second.json", "again.json"))
    classify_detections(model, source, [images], first, ClassifyOptions(0, None, 3, batch_size=1))
    classify_detections(model, source, [images], second, ClassifyOptions(0, None, 3, batch_size=5))
    classify_detections(model, first, [images], again, ALL)
    assert first.read_bytes() == second.read_bytes() == again.read_bytes()


def test_crops_are_those_of_the_crop_command(model: Path, tmp_path: Path) -> None:
    """A margin takes in what lies around the box: of 40 pixels a side, 24 on the left and on the right."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(two_halves(20))
    narrow = detection(0.9, "1", (10 / 60, 0.0, 10 / 60, 1.0))
    source = write(tmp_path / "in.json", results({"file": "a.png", "detections": [narrow]}))

    def best(**options: Any) -> Any:
        chosen = ClassifyOptions(0, None, 1, **options)
        classify_detections(model, source, [tmp_path / "images"], tmp_path / "out.json", chosen)
        return classified(tmp_path / "out.json")["a.png"]

    assert best() == ["red"]
    assert best(margin=0.6) == ["blue"]


def test_images_that_cannot_be_decoded_are_listed(model: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "good.png").write_bytes(two_halves())
    (tmp_path / "images" / "cut.png").write_bytes(two_halves()[:60])
    found = [detection(0.9, "1", LEFT)]
    content = results({"file": "cut.png", "detections": found}, {"file": "good.png", "detections": found})
    source = write(tmp_path / "in.json", content)
    counts = classify_detections(model, source, [tmp_path / "images"], tmp_path / "out.json", ALL)
    assert counts == Classified(images=2, detections=1, failures=1)
    assert classified(tmp_path / "out.json") == {"cut.png": [None], "good.png": ["red"]}
    header, line = (tmp_path / "out.failures.csv").read_text("utf-8").splitlines()
    assert header == '"image","reason"'
    assert line.startswith('"cut.png",')


def refusals(folder: Path, images: Path, model: Path) -> Iterator[tuple[Path, Path, ClassifyOptions, str]]:
    found = results({"file": "a.jpg", "detections": [detection(0.9)]})
    good = write(folder / "good.json", found)
    missing = write(folder / "missing.json", results({"file": "gone.jpg", "detections": [detection(0.9)]}))
    yield model, missing, ALL, r"1 of 1 images are not among those given; the first is gone\.jpg"
    yield model, good, ClassifyOptions(0, frozenset(["bear"]), 1), "has no category 'bear'"
    yield model, write(folder / "bad.json", {"images": []}), ALL, r"bad\.json"
    yield folder / "nowhere.onnx", good, ALL, "is not there"
    regression = write_colours(folder / "regression.onnx", "regression")
    yield regression, good, ALL, "is a model of regression"
    one = {"channels": ["infrared"], "mean": [0.0], "std": [1.0]}
    yield write_colours(folder / "infrared.onnx", "multiclass", **one), good, ALL, "takes images of 1 channels"


def test_what_cannot_be_classified_is_refused(model: Path, images: Path, tmp_path: Path) -> None:
    for file, source, options, message in refusals(tmp_path, images, model):
        with pytest.raises(InputError, match=message):
            classify_detections(file, source, [images], tmp_path / "out.json", options)
    assert not list(tmp_path.glob("out*"))


logits = arrays.arrays(np.float32, st.integers(1, 8), elements=st.floats(-1e4, 1e4, width=32))


@given(logits)
def test_classes_are_ranked_as_the_outputs_are(outputs: Any) -> None:
    ranked = rank_classes(outputs)
    expected = scipy.special.softmax(outputs.astype(np.float64))
    np.testing.assert_allclose([chance for _, chance in sorted(ranked)], expected, atol=10**-DECIMALS)
    assert [chance for _, chance in ranked] == sorted((chance for _, chance in ranked), reverse=True)
    facts = facts_of("multiclass", class_names=[f"class {place}" for place in range(len(outputs))])
    for top in (None, 1, 3):
        assert len(row_of(facts, outputs, top)) == len(columns_of(facts, top))
