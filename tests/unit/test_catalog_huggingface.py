"""Hugging Face folders: what `datasets` loads is what the catalogue holds, and the card says so."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from tests.training_sets import ALL, ANIMAL, GROUP, PNG, build, content, rows_of, sequence, split_table, write_images
from treeline.catalog.exports.huggingface import SCHEMA, HuggingFaceOptions, export
from treeline.catalog.training.images import ImageSource

KEY = "?se=2021-01-01T07%3A59%3A00Z&sig=Xy42"
DATASETS = [
    {
        **{
            "dataset_name": "caltech",
            "storage_account": "a",
            "container": "c",
            "path_prefix": "",
            "access": ["private"],
        },
        "container_sas_key": KEY,
    }
]
SEQUENCES = [
    sequence("d/a.png", [ANIMAL, GROUP], location="x", license="CC BY 4.0", rights_holder="A | B"),
    sequence("b.png", [], location="y", license="CC0"),
    sequence("c.png", None, **{"class": ["deer", "wild boar"]}, license="CC0"),
]


def write(folder: Path, *names: str, title: str = "Deer") -> tuple[Path, dict[str, int]]:
    catalog = build(folder / "c.duckdb", SEQUENCES, split_table(train=["x"], val=["y"]), DATASETS)
    images = write_images(folder / "images", names)
    options = HuggingFaceOptions(ALL, [ImageSource(images, None)] if names else [], title)
    return folder / "set", export(catalog, folder / "set", options, memory_mb=1024, threads=1)


def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load with `datasets` itself, which asks nobody and leaves nothing behind."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(folder.with_name("home")))
    import datasets

    return datasets.load_dataset(str(folder), cache_dir=str(folder.with_name("cache")))


def front_matter(folder: Path) -> dict[str, Any]:
    _, text, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_datasets_loads_what_the_catalogue_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, dropped = write(tmp_path, "d/a.png", "b.png", "c.png")
    splits = load(folder, monkeypatch)
    assert dropped == {}
    assert {split: list(rows["file"]) for split, rows in splits.items()} == {
        **{"train": ["c.png", "d/a.png"], "val": ["b.png"]}
    }
    assert {tuple(rows.column_names) for rows in splits.values()} == {tuple(SCHEMA.names)}
    (never, boxed), (empty,) = splits["train"], splits["val"]
    with Image.open(io.BytesIO(PNG)) as stored:
        assert boxed["image"].size == (boxed["width"], boxed["height"]) == stored.size
        assert boxed["image"].convert("RGB").tobytes() == stored.convert("RGB").tobytes()
    assert boxed["objects"] == {
        **{"bbox": [[0.25, 0.25, 0.5, 0.5], [0, 0, 1, 1]], "category": ["animal", "group"]},
        "confidence": [None, None],
    }
    assert empty["objects"] == {"bbox": [], "category": [], "confidence": []}
    assert not any((never["objects"] or {}).values())
    assert never["class"] == ["deer", "wild boar"]
    assert (boxed["license"], boxed["rights_holder"], boxed["location"]) == ("CC BY 4.0", "A | B", "x")


def test_datasets_loads_a_folder_without_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = write(tmp_path)
    splits = load(folder, monkeypatch)
    assert {tuple(rows.column_names) for rows in splits.values()} == {tuple(SCHEMA.names[1:])}
    assert {split: rows.num_rows for split, rows in splits.items()} == {"train": 2, "val": 1}


def test_nobody_looked_is_told_from_nothing_found(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, "d/a.png", "b.png", "c.png")
    objects = [
        row
        for split in ("train", "val")
        for row in pq.read_table(folder / "data" / f"{split}-00000.parquet", columns=["objects"])["objects"].to_pylist()
    ]
    assert [None if row is None else len(row["bbox"]) for row in objects] == [None, 2, 0]


def test_features_say_what_the_columns_are(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, "d/a.png", "b.png", "c.png")
    for split in ("train", "val"):
        schema = pq.read_schema(folder / "data" / f"{split}-00000.parquet")
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        assert list(features) == schema.names
        assert features["image"] == {"_type": "Image"}


def test_the_licence_of_all_images_is_that_of_the_set(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, "b.png", title="Empty")
    assert front_matter(folder)["license"] == "cc0-1.0"


def test_card(tmp_path: Path) -> None:
    folder, _ = write(tmp_path, "d/a.png", "b.png", title="Deer: a set")
    card = (folder / "README.md").read_text(encoding="utf-8")
    head = front_matter(folder)
    assert (head["pretty_name"], head["license"]) == ("Deer: a set", "other")
    assert head["size_categories"] == ["n<1K"]
    assert "| train | 1 | 1 | 1 | 0 | 2 |" in card
    assert "| val | 1 | 1 | 0 | 1 | 0 |" in card
    assert "| caltech | 2 | CC BY 4.0, CC0 | A \\| B | private |" in card
    assert "| not among the images given | 1 |" in card
    assert rows_of(folder / "dropped.csv") == [
        {"dataset": "caltech", "file": "c.png", "reason": "not among the images given"}
    ]


def test_secrets_stay_and_private_images_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        folder, _ = write(tmp_path, "d/a.png", "b.png", "c.png")
    assert "3 images are of caltech, which is not public" in caplog.text
    assert b"Xy42" not in b"".join(content(folder).values()) + caplog.text.encode()


def test_same_result_twice(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, _ = write(tmp_path / "one", "d/a.png", "b.png", "c.png")
    other, _ = write(tmp_path / "other", "d/a.png", "b.png", "c.png")
    assert content(one) == content(other)


def test_many_rows_go_into_many_files(tmp_path: Path) -> None:
    sequences = [sequence(f"{number}.png", []) for number in range(2100)]
    catalog = build(tmp_path / "c.duckdb", sequences)
    export(catalog, tmp_path / "set", HuggingFaceOptions(ALL, [], "Many"), memory_mb=1024, threads=1)
    files = sorted((tmp_path / "set" / "data").glob("train-*.parquet"))
    assert [pq.read_metadata(file).num_rows for file in files] == [1000, 1000, 100]
    read = pd.concat(map(pd.read_parquet, files))
    assert sorted(read["file"]) == sorted(one["seq_id"] for one in sequences)
