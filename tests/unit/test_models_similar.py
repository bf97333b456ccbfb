"""What is found is what numpy finds, whatever the files; embeddings of two models are never compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from typer.testing import CliRunner

from tests.embedding_cases import picture_bytes, write_mean_model, write_shard_archive
from treeline.errors import InputError, ShardError, TreelineError
from treeline.io.parquet import write_table
from treeline.models.cli import app
from treeline.models.embeddings.files import find_embeddings
from treeline.models.embeddings.search import EmbeddingSearch, Wanted
from treeline.models.embeddings.shard import embed_shard

Vectors = npt.NDArray[np.float16]
IMAGES = {f"image-{number}": picture_bytes(number) for number in range(12)}
ELEMENTS = st.integers(-3, 3).map(float)
VECTORS = arrays.arrays(np.float16, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=ELEMENTS)


def write_embeddings(file: Path, uuids: Sequence[str], vectors: Vectors, model: str = "a" * 64) -> Path:
    numbers = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    write_table(file, pa.table({"uuid": pa.array(uuids, pa.string()), "embedding": numbers}), {"model_sha256": model})
    return file


def search(*sources: Path) -> EmbeddingSearch:
    return EmbeddingSearch(find_embeddings(sources), memory_mb=512, threads=1)


@settings(max_examples=30)
@given(VECTORS, st.data())
def test_numpy_finds_the_same(tmp_path_factory: pytest.TempPathFactory, vectors: Vectors, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("similar")
    uuids = data.draw(st.permutations([f"image-{number}" for number in range(len(vectors))]))
    query = data.draw(arrays.arrays(np.float16, vectors.shape[1], elements=ELEMENTS).filter(np.any)).astype(np.float64)
    cut, count = data.draw(st.integers(0, len(vectors))), data.draw(st.integers(1, 14))
    write_embeddings(folder / "b" / "1.parquet", uuids[:cut], vectors[:cut])
    write_embeddings(folder / "a" / "2.parquet", uuids[cut:], vectors[cut:])
    found = search(folder).nearest(Wanted(query.tolist()), count).to_pylist()
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    cosines = {
        uuid: vector @ query / length / np.linalg.norm(query)
        for uuid, vector, length in zip(uuids, wide, lengths, strict=True)
        if length > 0
    }
    similarities = [row["similarity"] for row in found]
    np.testing.assert_allclose(similarities, sorted(cosines.values(), reverse=True)[:count], atol=1e-5)
    np.testing.assert_allclose(similarities, [cosines[row["uuid"]] for row in found], atol=1e-5)
    assert len({row["uuid"] for row in found}) == len(found)
    assert found == sorted(found, key=lambda row: (-row["similarity"], row["uuid"]))


def test_alike_images_stand_by_uuid_wherever_they_lie(tmp_path: Path) -> None:
    same = np.ones((3, 4), np.float16)
    write_embeddings(tmp_path / "1.parquet", ["d", "b", "f"], same)
    write_embeddings(tmp_path / "2.parquet", ["a", "e", "c"], same)
    found = search(tmp_path).nearest(Wanted([1, 1, 1, 1]), 4)
    assert found["uuid"].to_pylist() == ["a", "b", "c", "d"]


def test_an_image_of_the_collection_does_not_find_itself(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "1.parquet", ["a", "b"], np.eye(2, dtype=np.float16))
    search_all = search(tmp_path)
    wanted = search_all.wanted_by_id("a")
    assert wanted == Wanted([1, 0], "a")
    assert search_all.nearest(wanted, 9).to_pylist() == [
        {"uuid": "b", "similarity": 0.0, "file": str(tmp_path / "1.parquet")}
    ]


def test_an_image_that_is_not_there_or_twice_is_one_clear_error(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "1.parquet", ["a", "a", "b", "b"], np.array([[1], [2], [3], [3]], np.float16))
    with pytest.raises(InputError, match="has no embedding of the image z"):
        search(tmp_path).wanted_by_id("z")
    with pytest.raises(InputError, match="has two embeddings of the image a"):
        search(tmp_path).wanted_by_id("a")
    assert search(tmp_path).wanted_by_id("b").embedding == [3]


def test_an_embedding_of_zeros_is_similar_to_nothing(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "1.parquet", ["zeros", "b"], np.array([[0, 0], [1, 1]], np.float16))
    assert search(tmp_path).nearest(Wanted([1, 0]), 9)["uuid"].to_pylist() == ["b"]
    with pytest.raises(InputError, match="zeros: its embedding is all zeros"):
        search(tmp_path).nearest(search(tmp_path).wanted_by_id("zeros"), 9)


def test_embeddings_of_two_models_are_refused(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "1.parquet", ["a"], np.ones((1, 2), np.float16))
    write_embeddings(tmp_path / "2.parquet", ["b"], np.ones((1, 2), np.float16), model="b" * 64)
    with pytest.raises(InputError, match=r"2\.parquet: is of another model than .*1\.parquet"):
        find_embeddings([tmp_path])


def test_what_holds_no_embeddings_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no Parquet")
    write_table(tmp_path / "other.parquet", pa.table({"uuid": ["a"], "embedding": [[1.0]]}))
    write_table(tmp_path / "columns.parquet", pa.table({"uuid": ["a"]}))
    refused = {
        "empty": "holds no Parquet file of embeddings",
        "absent.parquet": "no such file",
        "text.parquet": "not a readable Parquet file",
        "other.parquet": "is no file of embeddings",
        "columns.parquet": "field 'embedding': the column is missing",
    }
    for name, problem in refused.items():
        with pytest.raises((InputError, ShardError), match=f"{name}.*{problem}"):
            find_embeddings([tmp_path / name])


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 16)).astype(np.float16)
    file = write_embeddings(tmp_path / "1.parquet", [f"{number}" for number in range(500)], vectors)
    content = bytearray(file.read_bytes())
    content[2000:6000] = bytes(4000)
    file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        search(tmp_path).nearest(Wanted([1.0] * 16), 3)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and embeddings as the stage makes them, in a folder whose name is a pattern."""
    folder = tmp_path_factory.mktemp("collection")
    write_mean_model(folder / "model.onnx")
    for shard in range(2):
        archive = write_shard_archive(folder / f"{shard}.tar", dict(list(IMAGES.items())[shard::2]))
        target = folder / "embeddings/server_name=a%3A80[1]*" / f"partition_id={shard}.parquet"
        embed_shard(archive, target, model=folder / "model.onnx")
    return folder


def similar(collection: Path, *options: object) -> str:
    found = CliRunner().invoke(app, ["similar", str(collection / "embeddings"), *map(str, options)])
    if found.exception is not None:
        raise found.exception
    return found.output


def test_an_image_finds_itself_first_and_the_same_in_each_format(collection: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.png").write_bytes(IMAGES["image-7"])
    options = ["--image", tmp_path / "asked.png", "--model", collection / "model.onnx", "--count", 3]
    printed = similar(collection, *options, "--output", tmp_path / "found.json")
    rows = json.loads((tmp_path / "found.json").read_text())
    assert rows[0]["uuid"] == "image-7"
    assert rows[0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert rows[0]["file"].endswith("partition_id=1.parquet")
    assert all(row["uuid"] in printed and row["label"] in printed for row in rows)
    similar(collection, *options, "--output", tmp_path / "found.parquet")
    similar(collection, *options, "--output", tmp_path / "found.csv")
    assert pq.read_table(tmp_path / "found.parquet").to_pylist() == rows
    from_csv = pyarrow.csv.read_csv(tmp_path / "found.csv").to_pylist()
    assert [(row["uuid"], row["label"]) for row in from_csv] == [(row["uuid"], row["label"]) for row in rows]
    assert rows[0].keys() == {"uuid", "label", "confidence", "similarity", "file"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "either --image or --id"),
        (["--id", "image-1", "--image", "a.png"], "either --image or --id"),
        (["--image", "a.png"], "--image needs --model"),
        (["--image", "absent.png", "--model", "model.onnx"], r"absent\.png: cannot be read: No such file"),
        (["--image", "model.onnx", "--model", "model.onnx"], r"model\.onnx: cannot be embedded: .* neither"),
        (["--id", "image-1", "--model", "0.tar"], r"0\.tar: is not the model that has made the embeddings"),
        (["--id", "image-1", "--model", "absent.onnx"], r"absent\.onnx: is not there"),
        (["--id", "image-1", "--output", "found.txt"], r"found\.txt: the format is unknown"),
    ],
)
def test_wrong_calls_are_one_clear_error(
    collection: Path, options: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(collection)
    with pytest.raises(TreelineError, match=problem):
        similar(collection, *options)
