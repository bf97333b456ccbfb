"""A checkpoint gives the model that was written; whatever else a file holds is one error, and no code is run."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from pydantic import ValidationError

from tests.embedding_cases import make_facts
from tests.random_models import make_model
from treeline.errors import InputError
from treeline.models.experiment import Experiment
from treeline.models.facts import ModelFacts
from treeline.models.trained import BEST, load_trained

FACTS = make_facts()
EXPERIMENT = Experiment.model_validate(
    {
        **{"title": "Shapes", "dataset": "shapes", "task": "multiclass", "image_size": [16, 16], "epochs": 1},
        "architecture": {"encoder": "convnet"},
    }
)


def checkpoint(**changes: Any) -> dict[str, Any]:
    """What lightning writes of a module whose attribute `model` is the model, and Treeline's facts."""
    weights = {f"model.{key}": value for key, value in make_model(FACTS).state_dict().items()}
    described = {"experiment": EXPERIMENT.model_dump(mode="json"), "facts": FACTS.model_dump(mode="json")}
    whole = {"treeline": described, "state_dict": {**weights, "loss.weight": torch.ones(3)}, "epoch": 3}
    return {**whole, **changes}


def described(**facts: Any) -> dict[str, Any]:
    return {**checkpoint()["treeline"], "facts": {**FACTS.model_dump(mode="json"), **facts}}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("run") / BEST
    torch.save(checkpoint(), file)
    return file


class Malicious:
    """Makes a file where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._target,)


def test_a_run_and_its_checkpoint_give_the_model_that_was_written(good: Path) -> None:
    photos = torch.full((2, 3, 16, 16), 200.0)
    with torch.inference_mode():
        expected = make_model(FACTS)(photos)
        for path in (good, good.parent):
            trained = load_trained(path)
            assert (trained.experiment, trained.facts) == (EXPERIMENT, FACTS)
            assert not trained.model.training
            assert all(torch.equal(*pair) for pair in zip(trained.model(photos), expected, strict=True))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (torch.zeros(3), ""),
        ([1, 2], ""),
        (None, ""),
        ({"state_dict": {}}, "'treeline'"),
        (checkpoint(treeline=torch.zeros(2)), ""),
        (checkpoint(treeline={"experiment": {}, "facts": {}}), "title"),
        (checkpoint(treeline=described(mean=[1.0])), "need one of each a channel"),
        (checkpoint(treeline=described(std=[1.0, 0.0, 1.0])), "greater than 0"),
        (checkpoint(treeline=described(image_size=[0, 16])), "greater than or equal to 1"),
        (checkpoint(treeline=described(class_names=[])), "class_names"),
        (checkpoint(treeline=described(class_names=["a", "b"])), "size mismatch for decoder.layer.weight"),
        (checkpoint(treeline=described(colour="red")), "colour"),
        (checkpoint(state_dict={}), "Missing key"),
        (checkpoint(state_dict=None), ""),
        (checkpoint(state_dict={1: torch.zeros(1)}), ""),
        (checkpoint(state_dict={**checkpoint()["state_dict"], "model.more": torch.zeros(1)}), "Unexpected key.*more"),
        (checkpoint(state_dict=dict.fromkeys(checkpoint()["state_dict"], 1)), ""),
    ],
    ids=range(17),
)
def test_what_is_no_checkpoint_of_treeline_is_one_error(content: Any, problem: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(
        InputError, match=rf"other\.ckpt: is no checkpoint of Treeline: .*{problem}.*\. Train the model anew"
    ):
        load_trained(tmp_path / "other.ckpt")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / BEST):
        with pytest.raises(InputError, match=r"best\.ckpt: is not there\. Train the model: treeline models train"):
            load_trained(missing)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_one_error(share: float, good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"cut\.ckpt: is no checkpoint, or a damaged one"):
        load_trained(tmp_path / "cut.ckpt")


def test_a_changed_bit_of_the_weights_is_found(good: Path, tmp_path: Path) -> None:
    """torch loads them as they are: it does not look at the checksums."""
    content = good.read_bytes()
    with ZipFile(good) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    chance = random.Random(0)
    for _ in range(20):
        damaged = bytearray(content)
        place = largest.header_offset + 256 + chance.randrange(largest.file_size - 256)
        damaged[place] ^= 1 << chance.randrange(8)
        (tmp_path / "damaged.ckpt").write_bytes(damaged)
        with pytest.raises(InputError, match=r"damaged\.ckpt: is damaged: the checksum of .*/data/\d+ does not fit"):
            load_trained(tmp_path / "damaged.ckpt")


def test_any_bytes_are_one_error(tmp_path: Path) -> None:
    chance = random.Random(0)
    simple = pickle.dumps(("a", {"b": [1, 2, 3]}, 2.5), 2)
    for _ in range(200):
        content = bytearray(simple if chance.random() < 0.5 else chance.randbytes(chance.randrange(1, 60)))
        content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "bytes.ckpt").write_bytes(content)
        with pytest.raises(InputError, match=r"bytes\.ckpt: is no checkpoint"):
            load_trained(tmp_path / "bytes.ckpt")


def test_a_malicious_checkpoint_runs_no_code(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    torch.save(Malicious(target), tmp_path / "evil.ckpt")
    torch.save(checkpoint(epoch=Malicious(target)), tmp_path / "hidden.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Malicious(target)))
    for name, problem in (("evil", "could run code"), ("hidden", "could run code"), ("plain", "is no checkpoint")):
        with pytest.raises(InputError, match=rf"{name}\.ckpt: .*{problem}"):
            load_trained(tmp_path / f"{name}.ckpt")
    assert not target.exists()
    torch.load(tmp_path / "evil.ckpt", weights_only=False)
    assert target.exists(), "the test's own trap must work"


def test_facts_of_a_regression_have_no_classes() -> None:
    facts = make_facts("regression")
    assert facts.class_names == []
    with pytest.raises(ValidationError, match="a regression has none"):
        ModelFacts.model_validate({**facts.model_dump(), "class_names": ["a"]})
    assert ModelFacts.model_validate_json(facts.to_json()) == facts
