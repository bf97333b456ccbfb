"""Parts of what makes models smaller: pruning, cutting, the Pareto front, the clock."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.model_cases import make_dataset
from tests.optimised_runs import new_trained
from treeline.errors import ConfigError
from treeline.models.architecture.encoders import make_encoder
from treeline.models.experiment import EncoderName
from treeline.models.optimisation.cutting import cut_channels, inner_channels
from treeline.models.optimisation.fine_tuning import fine_tune
from treeline.models.optimisation.forms import NotAvailableError, Workshop
from treeline.models.optimisation.latency import BATCHES, WARM_UPS, measure_latencies
from treeline.models.optimisation.names import FORM_NAMES, check_forms
from treeline.models.optimisation.pareto import pareto_front
from treeline.models.optimisation.pruning import keep_zeros, mask_weights
from treeline.models.optimisation.samples import spread_images
from treeline.models.training.data import open_training_data

ENCODERS: tuple[EncoderName, ...] = ("convnet", "resnet18", "resnet50")
POINTS = st.lists(st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float)), max_size=12)


@given(points=POINTS)
def test_what_is_not_on_the_front_is_beaten_by_what_is(points: list[tuple[float, float]]) -> None:
    front = pareto_front(points)
    kept = [point for point, is_on_front in zip(points, front, strict=True) if is_on_front]
    for (cost, value), is_on_front in zip(points, front, strict=True):
        better = [one for one in kept if one != (cost, value) and one[0] <= cost and one[1] >= value]
        assert is_on_front != bool(better)


@given(points=POINTS, data=st.data())
def test_the_front_does_not_hang_on_the_order(points: list[tuple[float, float]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(points))))
    front = pareto_front(points)
    assert pareto_front([points[place] for place in order]) == [front[place] for place in order]


@settings(deadline=None, max_examples=20)
@given(amount=st.floats(0.01, 0.99))
def test_as_many_weights_are_0_as_is_asked_for_and_they_are_the_smallest(amount: float) -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(20, 4))
    before = torch.cat([model[0].weight.detach().flatten(), model[3].weight.detach().flatten()])
    mask_weights(model, amount)
    keep_zeros(model)
    after = torch.cat([model[0].weight.detach().flatten(), model[3].weight.detach().flatten()])
    pruned = round(amount * len(before))
    assert int((after == 0).sum()) == pruned
    assert torch.equal(after[after != 0], before[after != 0])
    if 0 < pruned < len(before):
        assert before[after == 0].abs().max() <= before[after != 0].abs().min()


def test_pruned_weights_stay_0_while_the_others_are_trained(tmp_path: Path) -> None:
    trained = new_trained()
    data = open_training_data(trained.experiment, make_dataset(tmp_path / "dataset", encodings=["hdf5"]), "shapes")
    model = copy.deepcopy(trained.model)
    mask_weights(model, 0.6)
    zeros = {name: mask == 0 for name, mask in model.named_buffers() if name.endswith("weight_mask")}
    fine_tune(model, trained, data)
    keep_zeros(model)
    weights, original = dict(model.named_parameters()), dict(trained.model.named_parameters())
    for name, is_zero in zeros.items():
        weight = name.removesuffix("_mask")
        assert bool((weights[weight][is_zero] == 0).all())
        assert not torch.equal(weights[weight][~is_zero], original[weight][~is_zero])


@pytest.mark.parametrize("name", ENCODERS)
def test_without_channels_that_are_always_0_an_encoder_gives_the_same(name: EncoderName) -> None:
    torch.manual_seed(1)
    encoder = make_encoder(name, 3).double()
    randomise_norms(encoder)
    silent = [
        torch.randperm(inner.maker.out_channels)[: inner.maker.out_channels // 2] for inner in inner_channels(encoder)
    ]
    for inner, channels in zip(inner_channels(encoder), silent, strict=True):
        inner.norm.weight.data[channels] = 0
        inner.norm.bias.data[channels] = 0
    encoder.eval()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.inference_mode():
        wanted = encoder.features(images)
        before = [inner.maker.out_channels for inner in inner_channels(encoder)]
        cut_channels(encoder, 0.5)
        given = encoder.features(images)
    assert [inner.maker.out_channels for inner in inner_channels(encoder)] == [width // 2 for width in before]
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def randomise_norms(encoder: nn.Module) -> None:
    """As after training: a factor, a bias, a mean and a variance a channel."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


@pytest.mark.parametrize("share", [0.01, 0.999])
def test_a_channel_is_left_and_none_is_cut_where_the_share_is_less_than_one(share: float) -> None:
    encoder = make_encoder("convnet", 3)
    cut_channels(encoder, share)
    widths = [inner.maker.out_channels for inner in inner_channels(encoder)]
    assert widths == ([16, 32, 63, 127] if share < 0.5 else [1, 1, 1, 1])
    assert [len(maps) for maps in encoder.features(torch.zeros(2, 3, 16, 16))[0]] == [16, 16]


def test_forms_take_turns_so_that_a_slow_moment_hits_all_of_them() -> None:
    calls: list[tuple[str, int, int]] = []

    def recorder(name: str) -> Any:
        def run(images: Any) -> Any:
            calls.append((name, len(images), torch.get_num_threads()))
            return images

        return run

    names = ("a", "b", "c")
    threads = torch.get_num_threads()
    found = measure_latencies({name: recorder(name) for name in names}, np.zeros((32, 1, 1, 1), np.float32), 4)
    a_round = [(name, batch, 1) for name in names for batch in BATCHES]
    warming = [call for call in a_round for _ in range(WARM_UPS)]
    assert calls == warming + a_round * 4
    assert list(found) == list(names)
    assert all(len(latencies) == len(BATCHES) for latencies in found.values())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("count", "batch_size"), [(5, 2), (12, 12), (500, 7)])
def test_calibration_sees_images_from_all_over(tmp_path: Path, count: int, batch_size: int) -> None:
    trained = new_trained()
    samples = open_training_data(
        trained.experiment, make_dataset(tmp_path / "dataset", encodings=["hdf5"]), "shapes"
    ).val
    batches = list(spread_images(samples, count, batch_size))
    images = np.concatenate(batches)
    expected = min(count, len(samples))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(images) == expected
    assert np.array_equal(images[0], samples[0]["image"].float().numpy())
    assert np.array_equal(images[-1], samples[-1]["image"].float().numpy())


def test_forms_are_made_once_in_their_order_and_with_what_they_are_compared_to() -> None:
    assert check_forms(["int8-static", "cut-50", "int8-static"]) == ["eager", "exported", "cut-50", "int8-static"]
    assert tuple(check_forms(FORM_NAMES)) == FORM_NAMES
    with pytest.raises(ConfigError, match="there is no form cut-51; there are eager, "):
        check_forms(["cut-50", "cut-51"])


def test_a_form_that_diverges_is_not_available(tmp_path: Path) -> None:
    trained = new_trained()
    dataset = make_dataset(tmp_path / "dataset", encodings=["hdf5"], count=40)
    steep = trained.experiment.optimiser.model_copy(update={"learning_rate": 1e30})
    trained = replace(trained, experiment=trained.experiment.model_copy(update={"optimiser": steep}))
    data = open_training_data(trained.experiment, dataset, "shapes")
    with pytest.raises(NotAvailableError, match="fine-tuning: the loss is no number in epoch 1"):
        Workshop(trained, data, tmp_path).make("cut-50")
