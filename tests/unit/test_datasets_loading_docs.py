"""The examples of docs/datasets-loading.md give what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.dataset_folders import encode, make_dataset, with_table
from treeline.io.datasets.encodings import TARGETS

GUIDE = Path(__file__).parents[2] / "docs" / "datasets-loading.md"


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = make_dataset(tmp_path / "drawn", samples=12)
    for kind in TARGETS:
        size = {"size": [10, 12]} if kind in ("numpy", "zarr") else {}
        encode(drawn, kind, tmp_path / "datasets" / "drawn" / TARGETS[kind], **size)
    for name, offsets in (("spring", [0.0, 40.0, 80.0]), ("autumn", [45.0, 85.0, 200.0])):
        folder = make_dataset(tmp_path / name, samples=3, name=name)
        ground = {"crs": "EPSG:32632", "x_offset": offsets, "y_offset": 0.0, "x_gsd": 1.0, "y_gsd": 1.0}
        target = tmp_path / "datasets" / name / "arrays"
        encode(with_table(folder, "spatial", **ground), "numpy", target, size=[10, 12])
    monkeypatch.chdir(tmp_path)
    results = doctest.testfile(str(GUIDE), module_relative=False, encoding="utf-8")
    assert results.attempted > 30
    assert results.failed == 0
