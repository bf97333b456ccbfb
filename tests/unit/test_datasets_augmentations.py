"""The list of augmentations: what is refused, and that a seed says it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from tests.augmentation_lists import GEOMETRIC, NEEDED, ORDER, augmentations, certain, one_thread
from tests.dataset_folders import make_dataset
from treeline.datasets import CentreCrop, Dataset, loader
from treeline.datasets.augmentations import Augmentations, read_augmentations
from treeline.errors import ConfigError, InputError

RGB = ("red", "green", "blue")

__all__ = ["one_thread"]  # for pytest


def listed(tmp_path: Path, *entries: Any) -> Augmentations:
    file = tmp_path / "augmentations.yaml"
    file.write_text(yaml.safe_dump(list(entries)))
    return read_augmentations(file)


def test_names_and_defaults(tmp_path: Path) -> None:
    everything = listed(tmp_path, *({name: NEEDED.get(name)} for name in ORDER))
    assert [entry.name for entry in (*everything.of_samples, *everything.of_batches)] == ORDER
    everything.check("multiclass", RGB)


@pytest.mark.parametrize(
    ("entries", "place", "problem"),
    [
        ([{"horizontal_flip": None}, {"flip": None}], "'2'", "no augmentation 'flip'; there are horizontal_flip, "),
        ([{"__import__('os')": None}], "'1'", "there is no augmentation"),
        (["horizontal_flip"], "'1'", "Write it as a name with its options"),
        ([{"horizontal_flip": None, "vertical_flip": None}], "'1'", "is no augmentation"),
        ([{3: None}], "'1'", "there is no augmentation 3"),
        ([{"affine": {"degree": [0, 1]}}], "'1.affine.degree'", "Extra inputs"),
        ([{"affine": {"degrees": 10}}], "'1.affine.degrees'", "valid list"),
        ([{"affine": {"degrees": [10, -10]}}], "'1.affine.degrees'", "the smaller and the larger"),
        ([{"affine": {"degrees": [0, float("nan")]}}], "'1.affine.degrees.1'", "finite"),
        ([{"affine": {"shear": [0, 90]}}], "'1.affine.shear.1'", "less than 90"),
        ([{"affine": {"scale": [0, 1]}}], "'1.affine.scale.0'", "greater than 0"),
        ([{"horizontal_flip": {"probability": 1.5}}], "'1.horizontal_flip.probability'", "less than or equal to 1"),
        ([{"horizontal_flip": {"probability": "1"}}], "'1.horizontal_flip.probability'", "valid number"),
        ([{"horizontal_flip": [1]}], "'1.horizontal_flip'", "dictionary"),
        ([{"crop_resize": None}], "'1.crop_resize.size'", "required"),
        ([{"quarter_turns": {"turns": [4]}}], "'1.quarter_turns.turns.0'", "less than or equal to 3"),
        ([{"hue": {"turn": [0, 0.6]}}], "'1.hue.turn.1'", "less than or equal to 0.5"),
        ([{"normalise": {"mean": [0.5], "std": [0]}}], "'1.normalise.std.0'", "greater than 0"),
        ([{"normalise": {"mean": [0.5], "std": [1, 1]}}], "'1.normalise'", "1 means and 2 standard deviations"),
        ([certain("mixup"), certain("to_float")], "augmentations.yaml", "mixup mixes a batch: put it last"),
        ([certain("to_float"), certain("normalise"), certain("hue")], "yaml", "hue comes after normalise"),
        ([certain("normalise"), certain("to_float")], "yaml", "to_float comes after normalise"),
        ([], "augmentations.yaml", "no list"),
    ],
)
def test_refused_lists(tmp_path: Path, entries: list[Any], place: str, problem: str) -> None:
    with pytest.raises(InputError) as refusal:
        listed(tmp_path, *entries)
    assert place in str(refusal.value) and problem in str(refusal.value)


def test_refused_files(tmp_path: Path) -> None:
    file = tmp_path / "augmentations.yaml"
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_augmentations(file)
    for content, problem in ((b"\xff\xfe", "is not YAML"), (b"- {a", "is not YAML"), (b"a: 1", "is no list")):
        file.write_bytes(content)
        with pytest.raises(InputError, match=problem):
            read_augmentations(file)
    file.write_text("- !!python/object/apply:os.system ['touch " + str(tmp_path / "made") + "']")
    with pytest.raises(InputError, match="is not YAML"):
        read_augmentations(file)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("task", ["detection", "segmentation"])
@pytest.mark.parametrize("name", ORDER)
def test_localisation_takes_what_keeps_places_right(task: Any, name: str) -> None:
    chosen = augmentations(certain(name))
    if name in (*GEOMETRIC, "to_float", "normalise"):
        chosen.check(task, RGB)
        return
    with pytest.raises(ConfigError, match=f"{name} .*is not for {task}"):
        chosen.check(task, RGB)


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_mixing_is_for_classes(name: str) -> None:
    chosen = augmentations(certain(name))
    chosen.check("multiclass", RGB)
    chosen.check("multilabel", RGB)
    with pytest.raises(ConfigError, match=f"{name} mixes classes, and is not for regression"):
        chosen.check("regression", RGB)


@pytest.mark.parametrize("name", ORDER)
def test_colour_needs_three_bands(name: str) -> None:
    bands = ("B02", "B03", "B04", "B08")
    chosen = augmentations(certain(name))
    if name in ("saturation", "hue", "colour_jitter", "grayscale", "normalise"):
        with pytest.raises(ConfigError, match=f"{name} .*B02, B03, B04, B08"):
            chosen.check("multiclass", bands)
    else:
        chosen.check("multiclass", bands)
        image = torch.rand(4, 9, 9, generator=torch.Generator().manual_seed(1))
        sample = chosen({"image": image, "target": 0, "id": 0}, np.random.default_rng(0))
        assert sample["image"].shape == (4, 9, 9)


@pytest.mark.parametrize("name", [name for name in ORDER if name not in ("cutmix", "mixup", "normalise")])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_generator_says_it_all(name: str, dtype: str) -> None:
    most = 1 if dtype == "float32" else np.iinfo(dtype).max
    values = (np.random.default_rng(1).random((3, 9, 9)) * most).astype(dtype)
    sample = {"image": torch.from_numpy(values.copy()), "target": 0, "id": 0}
    chosen = augmentations(certain(name))
    torch.manual_seed(1)
    made = [chosen(sample, np.random.default_rng(seed))["image"].numpy() for seed in (5, 5, *range(6))]
    torch.manual_seed(2)
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], chosen(sample, np.random.default_rng(5))["image"].numpy())
    if name not in ("horizontal_flip", "vertical_flip", "grayscale", "to_float"):
        assert any(not np.array_equal(made[0], other) for other in made[2:7])
    assert all(image.dtype == ("float32" if name == "to_float" else dtype) for image in made)
    assert np.array_equal(sample["image"].numpy(), values)  # the sample that was given is left alone


@pytest.mark.parametrize("name", [name for name in ORDER if name not in ("to_float", "normalise", "cutmix", "mixup")])
def test_probability(name: str) -> None:
    image = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(1))
    sample = {"image": image, "target": 0, "id": 0}
    for probability, changed in ((0, 0), (0.5, pytest.approx(50, abs=25)), (1, pytest.approx(100, abs=10))):
        chosen = augmentations(certain(name, probability=probability))
        made = [chosen(sample, np.random.default_rng(seed))["image"] for seed in range(100)]
        assert sum(not torch.equal(image, other) for other in made) == changed


def test_the_same_samples_whatever_the_worker(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path, samples=8)
    names = ["affine", "quarter_turns", "crop_resize", "colour_jitter", "gaussian_noise", "gaussian_blur", "erasing"]
    chosen = augmentations(*map(certain, [*names, "to_float", "normalise"]))

    def batches(workers: int, seed: int = 3) -> list[Any]:
        dataset = Dataset(folder, transforms=chosen)
        return [batch["image"] for batch in loader(dataset, 4, workers=workers, seed=seed)]

    alone = batches(0)
    assert all(torch.equal(*pair) for pair in zip(alone, batches(2), strict=True))
    assert not any(torch.equal(*pair) for pair in zip(alone, batches(0, seed=4), strict=True))


def test_samples_of_a_dataset(tmp_path: Path) -> None:
    chosen = augmentations(certain("horizontal_flip"), certain("to_float"))
    flipped = Dataset(make_dataset(tmp_path / "a", "detection"), spatial=CentreCrop(8, 8), transforms=chosen)
    plain = Dataset(make_dataset(tmp_path / "a", "detection"), spatial=CentreCrop(8, 8))
    for sample, expected in zip(flipped, plain, strict=True):
        assert torch.equal(sample["image"], expected["image"].flip(-1) / 255)
        x0, y0, x1, y1 = expected["target"]["boxes"].T
        assert torch.equal(sample["target"]["boxes"], torch.stack([8 - x1, y0, 8 - x0, y1], dim=-1))
        assert torch.equal(sample["target"]["labels"], expected["target"]["labels"])
    folder = make_dataset(tmp_path / "b", "segmentation")
    for sample, expected in zip(Dataset(folder, transforms=chosen), Dataset(folder), strict=True):
        assert torch.equal(sample["target"], expected["target"].flip(-1))


def test_a_dataset_refuses_what_does_not_fit(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path, "detection")
    with pytest.raises(ConfigError, match="hue is not for detection, which takes only horizontal_flip, "):
        Dataset(folder, transforms=augmentations(certain("hue")))
    with pytest.raises(InputError, match=r"sample 0 \(images/000\.png\): .*normalise: values are whole numbers"):
        Dataset(folder, transforms=augmentations(certain("normalise")))[0]
