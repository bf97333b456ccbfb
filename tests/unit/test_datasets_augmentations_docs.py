"""docs/datasets-augmentations.md: its examples give what they say, and its tables have every option."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.augmentation_lists import one_thread
from tests.dataset_folders import encode, make_dataset
from treeline.datasets.augmentations.listed import KINDS

__all__ = ["one_thread"]  # for pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "datasets-augmentations.md"


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(make_dataset(tmp_path / "drawn", samples=12), "hdf5", tmp_path / "datasets" / "drawn" / "dataset.h5")
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    results = doctest.testfile(str(GUIDE), module_relative=False, encoding="utf-8")
    assert results.attempted > 8
    assert results.failed == 0


def test_every_name_has_a_row_and_its_options_in_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` (\|.*)$", GUIDE.read_text(), flags=re.MULTILINE))
    assert rows.keys() == KINDS.keys()
    for name, kind in KINDS.items():
        for option, field in kind.model_fields.items():
            default = "" if field.is_required() or field.default is None else f": {shown(field.default)}"
            assert option == "probability" or f"`{option}{default}`" in rows[name], (name, option)


def shown(default: object) -> str:
    return re.sub(r"(\.\d{4})\d+", r"\1", str(default))
