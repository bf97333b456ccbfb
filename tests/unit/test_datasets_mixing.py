"""CutMix and MixUp: what is in a picture is what its labels say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.augmentation_lists import augmentations, certain

CLASSES = 4
SEEDS = st.integers(0, 10_000)


def batch(samples: int = 4, dtype: torch.dtype = torch.float64) -> dict[str, Any]:
    """A picture of each class, whose pixels are all the class's share of 100."""
    classes = torch.arange(samples) % CLASSES
    images = (classes * 25).to(dtype)[:, None, None, None].expand(-1, 3, 16, 20).clone()
    return {"image": images, "target": classes, "id": torch.arange(samples)}


def mixed(name: str, seed: int, of: dict[str, Any], **options: Any) -> dict[str, Any]:
    return augmentations(certain(name, **options)).mix(of, CLASSES, np.random.default_rng(seed))


@given(SEEDS, st.floats(0.1, 5))
def test_mixup_weights_pixels_as_labels(seed: int, alpha: float) -> None:
    found = mixed("mixup", seed, batch(), alpha=alpha)
    shares = found["target"]
    assert shares.dtype == torch.float32 and shares.shape == (4, CLASSES)
    assert torch.allclose(shares.sum(dim=1), torch.ones(4))
    expected = (shares.to(torch.float64) * torch.arange(CLASSES) * 25).sum(dim=1)
    assert torch.allclose(found["image"], expected[:, None, None, None].expand(-1, 3, 16, 20), atol=1e-4)


@given(SEEDS, st.floats(0.1, 5))
def test_cutmix_labels_are_shares_of_pixels(seed: int, alpha: float) -> None:
    found = mixed("cutmix", seed, batch(), alpha=alpha)
    for number in range(CLASSES):
        pixels = (found["image"][:, 0] == number * 25).to(torch.float32).mean(dim=(1, 2))
        assert torch.allclose(pixels, found["target"][:, number], atol=1e-5)
    assert torch.equal(found["image"][:, 0], found["image"][:, 2])


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_the_generator_says_it_all(name: str) -> None:
    torch.manual_seed(1)
    one = mixed(name, 5, batch())
    torch.manual_seed(2)
    other = mixed(name, 5, batch())
    assert torch.equal(one["image"], other["image"]) and torch.equal(one["target"], other["target"])
    assert len({mixed(name, seed, batch())["target"].numpy().tobytes() for seed in range(10)}) > 5


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int16, torch.float32])
def test_types_stay(name: str, dtype: torch.dtype) -> None:
    given_ = batch(dtype=dtype)
    found = mixed(name, 3, given_)
    assert found["image"].dtype == dtype and found["image"].shape == given_["image"].shape
    assert torch.equal(given_["image"].to(torch.int32), batch()["image"].to(torch.int32))  # left alone
    assert found["id"].tolist() == [0, 1, 2, 3]


def test_several_labels() -> None:
    target = torch.tensor([[1.0, 0, 1, 0], [0, 1, 1, 0]])
    found = mixed("mixup", 1, {**batch(2), "target": target})["target"]
    assert torch.allclose(found[:, 2], torch.ones(2)) and not found[:, 3].any()
    assert torch.allclose(found[:, 0] + found[:, 1], torch.ones(2))


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_a_batch_that_is_not_drawn_has_hard_labels(name: str) -> None:
    found = mixed(name, 1, batch(), probability=0)
    assert torch.equal(found["image"], batch()["image"])
    assert torch.equal(found["target"], torch.eye(4))


def test_without_mixing_a_batch_is_left_as_it_is() -> None:
    given_ = batch()
    assert augmentations(certain("horizontal_flip")).mix(given_, CLASSES, np.random.default_rng(0)) is given_


@pytest.mark.parametrize("name", ["cutmix", "mixup"])
def test_one_sample_is_mixed_with_itself(name: str) -> None:
    found = mixed(name, 1, batch(1))
    assert torch.allclose(found["image"], batch(1)["image"])
    assert torch.allclose(found["target"], torch.tensor([[1.0, 0, 0, 0]]))
