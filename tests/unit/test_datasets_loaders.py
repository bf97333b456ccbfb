"""Batches: the same for any number of workers, and gone on with wherever they were stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dataset_folders import CORNERS, Folder, Noise, image_of, make_dataset
from treeline.config_datasets import Task
from treeline.datasets import Dataset, collate, loader
from treeline.datasets.augmentations import Augmentations
from treeline.datasets.augmentations.mixing import MixUp
from treeline.datasets.loaders import Loader, Order
from treeline.datasets.sample_sets import Draw
from treeline.errors import ConfigError, InputError

TASKS: tuple[Task, ...] = ("multiclass", "multilabel", "regression", "detection", "segmentation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return make_dataset(tmp_path_factory.mktemp("loaders"), "segmentation", samples=11)


def plain(value: Any) -> Any:
    """Batches that can be compared by `==`."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.tolist()
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def cropped(folder: Folder) -> Dataset:
    return Dataset(folder, spatial=CORNERS, transforms=Noise())


def test_the_same_batches_with_and_without_workers(folder: Folder) -> None:
    def fresh(workers: int, start: Any = None) -> Loader:
        return loader(cropped(folder), 4, workers=workers, seed=5, shuffle=True, start=start)

    alone, forked, spawned = fresh(0), fresh(2, "fork"), fresh(2, "spawn")
    first, second = plain(list(alone)), plain(list(alone))
    assert len(alone) == len(first) == 6
    assert [plain(list(forked)), plain(list(forked))] == [first, second]
    assert plain(list(spawned)) == first
    ids = [[id for batch in epoch for id in batch["id"][1]] for epoch in (first, second)]
    assert sorted(ids[0]) == sorted(ids[1]) == sorted([number * 3 for number in range(11)] * 2)
    assert ids[0] != ids[1]
    assert len({noise for batch in first + second for noise in batch["noise"][1]}) == 44


def stop_after(batches: Loader, count: int) -> list[Any]:
    """Take so many batches, going on into further epochs."""
    taken: list[Any] = []
    while True:
        for batch in batches:
            taken.append(plain(batch))
            if len(taken) == count:
                return taken


@settings(max_examples=8)
@given(stop=st.integers(1, 13), batch_size=st.integers(1, 9), seed=st.integers(0, 3), shuffle=st.booleans())
def test_resumed_anywhere_the_rest_is_the_same(
    folder: Folder, stop: int, batch_size: int, seed: int, shuffle: bool
) -> None:
    def fresh() -> Loader:
        return loader(cropped(folder), batch_size, seed=seed, shuffle=shuffle)

    stopped, resumed, straight = fresh(), fresh(), fresh()
    taken = stop_after(stopped, stop)
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    rest, following = plain(list(resumed)), plain(list(resumed))
    epoch = (stop - 1) // len(straight)
    epochs = [plain(list(straight)) for _ in range(epoch + 2)]
    assert taken + rest == sum(epochs[:-1], [])
    assert following == epochs[-1]


def test_resumed_with_workers_that_read_ahead(folder: Folder) -> None:
    straight = plain(list(loader(cropped(folder), 3, seed=1, shuffle=True)))
    interrupted = loader(cropped(folder), 3, workers=2, seed=1, shuffle=True)
    taken = stop_after(interrupted, 2)
    resumed = loader(cropped(folder), 3, workers=2, seed=1, shuffle=True)
    resumed.load_state_dict(interrupted.state_dict())
    assert taken + plain(list(resumed)) == straight


def test_an_epoch_that_was_left_is_followed_by_the_next(folder: Folder) -> None:
    straight = loader(cropped(folder), 4, seed=3, shuffle=True)
    epochs = [plain(list(straight)) for _ in range(2)]
    batches = loader(cropped(folder), 4, seed=3, shuffle=True)
    assert plain(next(iter(batches))) == epochs[0][0]
    assert plain(list(batches)) == epochs[1]


def test_a_state_of_something_else_is_refused() -> None:
    state = Order(10, seed=1, shuffle=True).state_dict()
    for other in (Order(11, seed=1, shuffle=True), Order(10, seed=2, shuffle=True), Order(10, seed=1, shuffle=False)):
        with pytest.raises(ConfigError, match="the saved order has"):
            other.load_state_dict(state)
    with pytest.raises(ConfigError, match="a saved order has samples, seed, shuffle, epoch, given, and not epoch"):
        Order(10, seed=1, shuffle=True).load_state_dict({"epoch": 3})


@given(st.integers(1, 50), st.integers(0, 5), st.booleans())
def test_an_order_has_each_sample_once(samples: int, seed: int, shuffle: bool) -> None:
    order = Order(samples, seed=seed, shuffle=shuffle)
    numbers = [draw.number for draw in order]
    assert sorted(numbers) == list(range(samples)) and (shuffle or numbers == sorted(numbers))
    order.end()
    assert all(draw == Draw(draw.number, 1, seed) for draw in order)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_come_as_they_are_out_of_a_worker(tmp_path: Path, workers: int) -> None:
    folder = make_dataset(tmp_path, samples=6)
    (tmp_path / "images" / "003.png").write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        list(loader(Dataset(folder), 2, workers=workers))
    assert str(caught.value).startswith("drawn: sample 9 (images/003.png): cannot be read: ")
    assert "Traceback" not in str(caught.value)


def test_what_is_collated(tmp_path: Path) -> None:
    batches = {
        task: collate([Dataset(make_dataset(tmp_path / task, task))[number] for number in range(3)]) for task in TASKS
    }
    image = np.stack([np.moveaxis(image_of(number), -1, 0) for number in range(3)])
    for batch in batches.values():
        assert np.array_equal(batch["image"].numpy(), image)
        assert batch["image"].shape == (3, 3, 10, 12)
        assert plain(batch["id"]) == (torch.int64, [0, 3, 6])
    assert plain(batches["multiclass"]["target"]) == (torch.int64, [0, 1, 2])
    assert plain(batches["regression"]["target"]) == (torch.float32, [0, 0.125, 0.25])
    assert batches["multilabel"]["target"].shape == (3, 3)
    assert batches["segmentation"]["target"].shape == (3, 10, 12)
    assert [len(target["boxes"]) for target in batches["detection"]["target"]] == [0, 1, 2]


@given(st.integers(1, 4), st.permutations(range(3)))
def test_images_are_stacked_however_they_lie_in_memory(count: int, axes: list[int]) -> None:
    images = [torch.arange(24).reshape(2, 3, 4).add(number).permute(*axes) for number in range(count)]
    batch = collate([{"image": image, "target": 1.5, "id": 0} for image in images])
    assert torch.equal(batch["image"], torch.stack(images))


def test_batches_of_a_join(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, samples=4))
    [(one, other)] = loader(dataset * dataset, 4, workers=1)
    assert plain(one) == plain(other)
    assert one["id"].tolist() == [0, 3, 6, 9]


def test_batches_are_mixed_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    mixed = Dataset(make_dataset(tmp_path, samples=10), transforms=Augmentations([MixUp(probability=1)]))
    plainly, batches = loader(Dataset(make_dataset(tmp_path, samples=10)), 4), plain(list(loader(mixed + mixed, 4)))
    assert plain(list(loader(mixed + mixed, 4, workers=2))) == batches
    for batch, (_, targets) in zip(plainly, (batch["target"] for batch in batches), strict=False):
        assert np.allclose(np.sum(targets, axis=1), 1)
        assert targets != torch.nn.functional.one_hot(batch["target"], 3).tolist()
    assert mixed[2]["target"] == 2


def test_what_cannot_be_mixed_is_refused(tmp_path: Path) -> None:
    mixup = Augmentations([MixUp()])
    dataset = Dataset(make_dataset(tmp_path, samples=4), transforms=mixup)
    with pytest.raises(ConfigError, match="mixup mixes classes, and is not for detection"):
        Dataset(make_dataset(tmp_path / "boxes", "detection", samples=4), transforms=mixup)
    with pytest.raises(ConfigError, match=r"drawn \* drawn: what belongs together cannot be mixed"):
        dataset * dataset
    with pytest.raises(InputError, match="only one of them mixes its batches"):
        dataset + Dataset(make_dataset(tmp_path, samples=4))


def test_images_of_several_sizes_are_named(tmp_path: Path) -> None:
    from PIL import Image

    folder = make_dataset(tmp_path, samples=3)
    Image.new("RGB", (5, 4)).save(tmp_path / "images" / "001.png")
    with pytest.raises(InputError, match="the image of sample 0 is 3 x 10 x 12, that of sample 3 is 3 x 4 x 5"):
        list(loader(Dataset(folder), 3, workers=1))


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"workers": -1}, {"seed": -1}])
def test_wrong_options(folder: Folder, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(options))} is"):
        loader(Dataset(folder), **{"batch_size": 1, **options})
