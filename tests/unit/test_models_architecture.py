"""Models of every combination of parts: shapes, torchvision's names, and that all of it learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet

from tests.embedding_cases import CLASSES, make_facts
from treeline.models.architecture.encoders import make_encoder
from treeline.models.architecture.model import Model
from treeline.models.experiment import DECODERS, Architecture, DecoderName, EncoderName, Task
from treeline.models.facts import ModelFacts

WIDTHS: dict[EncoderName, int] = {"convnet": 128, "resnet18": 512, "resnet34": 512, "resnet50": 2048}
RESNETS: tuple[EncoderName, ...] = ("resnet18", "resnet34", "resnet50")
COMBINATIONS: list[tuple[Task, DecoderName]] = [(task, decoder) for task, fit in DECODERS.items() for decoder in fit]
ODD = (33, 47)


def make(task: Task, decoder: DecoderName, encoder: EncoderName = "convnet", channels: int = 3, **parts: Any) -> Model:
    torch.manual_seed(0)
    architecture = Architecture.model_validate({"encoder": encoder, "decoder": decoder, **parts})
    return Model(architecture, make_facts(task, channels))


def images(count: int, channels: int, size: tuple[int, int], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, *size), generator=generator).float()


def shape_of(task: Task, count: int, size: tuple[int, int]) -> tuple[int, ...]:
    outputs = 1 if task == "regression" else len(CLASSES)
    return (count, outputs, *size) if task == "segmentation" else (count, outputs)


@pytest.mark.parametrize("encoder", RESNETS)
def test_an_encoder_has_the_keys_and_shapes_of_torchvision_less_the_classifier(encoder: EncoderName) -> None:
    published = getattr(resnet, encoder)(weights=None).state_dict()
    ours = make_encoder(encoder, 3)
    expected = {key: value.shape for key, value in published.items() if not key.startswith("fc.")}
    assert {key: value.shape for key, value in ours.state_dict().items()} == expected


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
def test_with_the_same_weights_the_embedding_is_what_torchvision_classifies_by(encoder: EncoderName) -> None:
    torch.manual_seed(1)
    theirs = getattr(resnet, encoder)(weights=None).eval()
    weights = {key: value for key, value in theirs.state_dict().items() if not key.startswith("fc.")}
    ours = make("multiclass", "linear", encoder).eval()
    ours.encoder.load_state_dict(weights)
    theirs.fc = nn.Identity()
    photos = images(2, 3, (64, 96))
    with torch.inference_mode():
        _, embedding = ours(photos)
        torch.testing.assert_close(embedding, theirs((photos - 128) / 64))


@pytest.mark.parametrize("encoder", WIDTHS)
@pytest.mark.parametrize("channels", [1, 13])
def test_each_map_is_half_of_the_one_before_and_as_wide_as_is_said(encoder: EncoderName, channels: int) -> None:
    made = make_encoder(encoder, channels).eval()
    with torch.inference_mode():
        maps = made.features(images(2, channels, (64, 96)))
    assert tuple(each.shape[1] for each in maps) == made.widths
    heights = [each.shape[2] for each in maps]
    assert all(fine == 2 * coarse for fine, coarse in zip(heights, heights[1:], strict=False))


@pytest.mark.parametrize("channels", [1, 3, 13])
@pytest.mark.parametrize(("task", "decoder"), COMBINATIONS)
@pytest.mark.parametrize("encoder", ["convnet", "resnet18"])
def test_outputs_have_the_images_number_and_size_whatever_that_is(
    encoder: EncoderName, task: Task, decoder: DecoderName, channels: int
) -> None:
    model = make(task, decoder, encoder, channels).eval()
    for count, size in ((1, ODD), (2, (8, 8))):
        with torch.inference_mode():
            outputs, embedding = model(images(count, channels, size))
        assert outputs.shape == shape_of(task, count, size)
        assert embedding.shape == (count, WIDTHS[encoder])
        assert outputs.isfinite().all() and embedding.isfinite().all()


def test_without_a_decoder_the_first_that_fits_the_task_is_taken() -> None:
    for task, fit in DECODERS.items():
        chosen = Model(Architecture(encoder="convnet"), make_facts(task)).state_dict().keys()
        assert chosen == make(task, fit[0]).state_dict().keys()


@pytest.mark.parametrize(("task", "decoder"), COMBINATIONS)
@pytest.mark.parametrize("encoder", ["convnet", "resnet18"])
def test_a_gradient_reaches_every_parameter(encoder: EncoderName, task: Task, decoder: DecoderName) -> None:
    model = make(task, decoder, encoder).train()
    outputs, _ = model(images(4, 3, (64, 64)))
    (outputs * torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    without = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize(("task", "decoder"), COMBINATIONS)
def test_evaluation_is_the_same_each_time_and_for_each_image_by_itself(task: Task, decoder: DecoderName) -> None:
    model = make(task, decoder, dropout=0.5).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    photos = images(3, 3, ODD)
    with torch.inference_mode():
        outputs, embedding = model(photos)
        again, _ = model(photos)
        alone, embedding_alone = model(photos[1:2])
    assert torch.equal(outputs, again)
    torch.testing.assert_close(alone[0], outputs[1])
    torch.testing.assert_close(embedding_alone[0], embedding[1])
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(("task", "decoder"), COMBINATIONS)
def test_inputs_of_the_decoder_are_dropped_while_training_only(task: Task, decoder: DecoderName) -> None:
    photos = images(4, 3, (32, 32))
    for dropout, changes in ((0.5, True), (0.0, False)):
        model = make(task, decoder, dropout=dropout).train()
        with torch.no_grad():
            (first, embedding), (second, other) = model(photos), model(photos)
        assert torch.equal(first, second) != changes
        assert torch.equal(embedding, other)


def test_images_are_normalised_within_the_model() -> None:
    """In their own units: what is brighter by a gain and an offset is the same to a model that is told of both."""
    facts = make_facts()
    brighter = ModelFacts.model_validate({**facts.model_dump(), "mean": [2 * 128.0 + 10] * 3, "std": [2 * 64.0] * 3})
    torch.manual_seed(0)
    model, other = Model(Architecture(encoder="convnet"), facts), Model(Architecture(encoder="convnet"), brighter)
    other.load_state_dict({**model.state_dict(), "mean": other.mean, "std": other.std})
    photos = images(2, 3, (16, 16))
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(photos)[0], other.eval()(2 * photos + 10)[0])


@pytest.mark.parametrize(("task", "decoder"), [("segmentation", "unet"), ("segmentation", "fpn")])
def test_a_segmentation_sees_the_place_of_things(task: Task, decoder: DecoderName) -> None:
    """A change in one corner changes the answer there, and not in the far one."""
    model = make(task, decoder).eval()
    photo = images(1, 3, (128, 128))
    changed = photo.clone()
    changed[..., :8, :8] = 255 - changed[..., :8, :8]
    with torch.inference_mode():
        difference = (model(photo)[0] - model(changed)[0]).abs().sum(1)[0]
    assert difference[:8, :8].max() > 0
    assert difference[-8:, -8:].max() == 0
