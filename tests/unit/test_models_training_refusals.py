"""What is not trained on, and what is not trained with: one clear error each, before anything is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from torchvision.models import resnet18
from typer.testing import CliRunner

from tests.model_cases import SIDE, draw, experiment, make_dataset, write_experiment
from treeline.errors import ConfigError, InputError
from treeline.io.datasets.encodings import TARGETS
from treeline.io.datasets.metadata import Metadata, put_metadata, read_metadata
from treeline.io.parquet import sha256_of_file
from treeline.models.architecture.encoders import make_encoder
from treeline.models.cli import app
from treeline.models.experiment import Weights
from treeline.models.training.data import open_training_data
from treeline.models.training.module import Training, make_schedule
from treeline.models.training.train import make_trainer, quiet_lightning
from treeline.models.weights import load_encoder

Change = Callable[[Metadata], Metadata]


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "shapes", encodings=["hdf5"])


def change(dataset: Path, changed: Change) -> None:
    """Rewrite the tables that stand beside the images."""
    file = dataset / TARGETS["hdf5"]
    put_metadata(changed(read_metadata(file)), file)


def with_index(changed: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    return lambda metadata: metadata.with_tables(index=changed(metadata.index))


def without_table(name: str) -> Change:
    return lambda metadata: Metadata(
        metadata.name,
        metadata.task,
        metadata.class_names,
        {key: table for key, table in metadata.tables.items() if key != name},
    )


def moved(label: str, number: int) -> Change:
    """Have all of a label be another one."""
    return with_index(lambda index: index.assign(label=label, label_idx=number))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (moved("blue", 0), r"train has no sample of 'green', 'red' \(2 of 3 classes\)"),
        (with_index(lambda index: index.assign(split="train")), "no sample is left by split val"),
        (with_index(lambda index: index.drop(columns="label_idx")), "has no column `label_idx`"),
        (with_index(lambda index: index.drop(columns="split")), "is not divided"),
    ],
)
def test_tables_that_do_not_serve_are_refused(shapes: Path, changed: Change, said: str) -> None:
    change(shapes, changed)
    with pytest.raises((InputError, ConfigError), match=said):
        open_training_data(experiment(), shapes, "run")


def test_a_leaked_split_is_refused_with_its_pairs(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "leaked", leaks=5, encodings=[])
    with pytest.raises(InputError, match=r"known from training: 5 of sha256. photos/0.*jpg \(train\) and .*\(test\)"):
        open_training_data(experiment(), dataset, "run")
    (dataset / "leakage.json").unlink()
    with pytest.raises(InputError, match="whether something leaks between the splits is not known"):
        open_training_data(experiment(), dataset, "run")
    for content in ("{", "[]", '{"leaks": 3}', '{"leaks": {"sha256": "many"}}', "{}"):
        (dataset / "leakage.json").write_text(content)
        with pytest.raises(InputError, match="is no report of leaks"):
            open_training_data(experiment(), dataset, "run")


def test_another_task_encoding_or_too_few_classes_are_refused(tmp_path: Path, shapes: Path) -> None:
    with pytest.raises(InputError, match="is for multiclass, and the experiment for regression"):
        open_training_data(experiment("regression"), shapes, "run")
    with pytest.raises(InputError, match=r"shards: is not there. Add the encoding `tar`"):
        open_training_data(experiment(encoding="tar"), shapes, "run")

    def one_class(metadata: Metadata) -> Metadata:
        index = metadata.index.assign(label="blue", label_idx=0)
        return Metadata(metadata.name, metadata.task, ("blue",), {**metadata.tables, "index": index})

    change(shapes, one_class)
    with pytest.raises(InputError, match="has 1 classes; 2 are needed"):
        open_training_data(experiment(), shapes, "run")


def test_pixels_are_counted_where_the_loss_asks_for_them(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "masks", "segmentation", count=20, encodings=["hdf5"])
    balanced = experiment("segmentation", loss=[{"name": "cross_entropy", "class_weights": "balanced"}])
    counts = open_training_data(balanced, dataset, "run").class_counts
    labels = ["blue", "green", "red"]
    masks = [draw(number, [labels[number % 3]]).mask for number in range(12)]
    expected = np.bincount(np.concatenate([mask[mask != 255] for mask in masks]), minlength=4)
    assert counts == expected.tolist()
    assert open_training_data(experiment("segmentation"), dataset, "run").class_counts == [1] * 4


def test_images_are_normalised_by_train_or_as_the_analysis_advises(shapes: Path) -> None:
    pixels = np.stack([draw(number, [["blue", "green", "red"][number % 3]]).pixels for number in range(36)])
    facts = open_training_data(experiment(), shapes, "run").facts
    assert facts.mean == pytest.approx(pixels.mean((0, 1, 2)), rel=1e-6)
    assert facts.std == pytest.approx(pixels.std((0, 1, 2)), rel=1e-6)
    assert facts.dataset_hash == sha256_of_file(shapes / "metadata.h5")
    advice = shapes / "analysis" / "recommendations.json"
    advice.parent.mkdir()
    value = {"channels": ["red", "green", "blue"], "mean": [0.5, 0.4, 0.2], "std": [0.1, 0.0, 0.3]}
    advice.write_text(json.dumps({"normalisation": {"value": value, "basis": {"scale": 255.0}}}))
    facts = open_training_data(experiment(), shapes, "run").facts
    assert facts.mean == pytest.approx([127.5, 102, 51]) and facts.std == pytest.approx([25.5, 1, 76.5])
    for wrong in ("{}", "[", json.dumps({"normalisation": {"value": {**value, "mean": [1]}, "basis": {"scale": 1}}})):
        advice.write_text(wrong)
        with pytest.raises(InputError, match="advises"):
            open_training_data(experiment(), shapes, "run")


def test_a_table_by_which_nothing_can_be_normalised_is_refused(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(shapes, lambda metadata: metadata.with_tables(spectral=metadata.tables["spectral"][9:]))
    with pytest.raises(InputError, match="`spectral` lacks values of samples of train"):
        open_training_data(experiment(), shapes, "run")
    change(shapes, lambda metadata: metadata.with_tables(spectral=metadata.tables["spectral"].drop(columns="variance")))
    with pytest.raises(InputError, match="`spectral` has no column `variance`"):
        open_training_data(experiment(), shapes, "run")


def test_augmentations_that_normalise_are_refused(shapes: Path, tmp_path: Path) -> None:
    file = tmp_path / "augmentation.yaml"
    file.write_text(yaml.safe_dump([{"to_float": {}}]))
    with pytest.raises(ConfigError, match="the model normalises itself: leave to_float out"):
        open_training_data(experiment(augmentation=str(file)), shapes, "run")


def test_what_does_not_fit_the_model_or_the_machine_is_refused(shapes: Path) -> None:
    def make(**changes: Any) -> Training:
        chosen = experiment(**changes)
        data = open_training_data(chosen, shapes, "run")
        return Training(chosen, data.facts, data.class_counts, len(data.train))

    with pytest.raises(ConfigError, match="has no part 'neck'; it has decoder, decoder.layer, encoder, encoder.blocks"):
        make(freeze=[{"part": "neck", "epochs": 1}])
    with pytest.raises(ConfigError, match="all parts are frozen"):
        make(freeze=[{"part": "encoder", "epochs": 1}, {"part": "decoder", "epochs": 2}])
    with pytest.raises(ConfigError, match="cross_entropy has 2 class_weights, and the dataset 3"):
        make(loss=[{"name": "cross_entropy", "class_weights": [1, 2]}])
    for size, batch_size in (([8, 8], 35), ([8, 8], 1)):  # of 36 samples
        with pytest.raises(ConfigError, match="of an image of 8 x 8 pixels the encoder makes one pixel"):
            make(image_size=size, batch_size=batch_size)
    make(image_size=[8, 16], batch_size=35)
    make(image_size=[8, 8], batch_size=6)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="are not for this machine"), quiet_lightning():
            make_trainer(experiment(accelerator="gpu"), [], logger=False)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_published_weights_are_loaded_whatever_the_channels(tmp_path: Path, channels: int) -> None:
    torch.manual_seed(0)
    state = resnet18(weights=None).state_dict()
    torch.save(state, tmp_path / "resnet18.pth")
    weights = Weights(file=str(tmp_path / "resnet18.pth"), sha256=sha256_of_file(tmp_path / "resnet18.pth"))
    encoder = make_encoder("resnet18", channels)
    load_encoder(encoder, weights)
    loaded = encoder.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in loaded if name != "conv1.weight")
    # A grey image, as it is in each number of channels, has the same features in all.
    grey = torch.rand(1, 1, 32, 32)
    first = [network(grey.expand(1, count, 32, 32)) for network, count in (
        (encoder.conv1, channels), (lambda image: functional_first(state, image), 3)
    )]  # fmt: skip
    torch.testing.assert_close(first[0], first[1], atol=1e-4, rtol=1e-4)


def functional_first(state: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.conv2d(image, state["conv1.weight"], stride=2, padding=3)


def test_weights_that_are_not_the_encoders_are_refused(tmp_path: Path) -> None:
    encoder = make_encoder("convnet", 3)

    def refuse(content: Any, said: str, sha256: str | None = None) -> None:
        file = tmp_path / "weights.pth"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            torch.save(content, file)
        with pytest.raises(InputError, match=said):
            load_encoder(encoder, Weights(file=str(file), sha256=sha256 or sha256_of_file(file)))

    own = encoder.state_dict()
    name = "blocks.0.0.weight"
    refuse(own, "its SHA-256 is .*, and not 0000", sha256="0" * 64)
    refuse(b"no weights", "is no state dict of PyTorch")
    refuse([1, 2], "is no state dict of PyTorch")
    refuse({key: value for key, value in own.items() if key != name}, f"lacks 1 weights: {name}")
    refuse({**own, "head.weight": own[name]}, "has, and the encoder has not, 1 weights: head.weight")
    refuse({**own, name: own[name][:8]}, f"its {name} is 8 x 3 x 3 x 3, the encoder's 16 x 3 x 3 x 3")
    refuse({**own, name: 3}, f"its {name} is ")
    with pytest.raises(InputError, match="is not there"):
        load_encoder(encoder, Weights(file=str(tmp_path / "nothing.pth"), sha256="0" * 64))
    before_counters = {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}
    torch.save({**before_counters, "fc.weight": own[name]}, tmp_path / "weights.pth")
    load_encoder(encoder, Weights(file=str(tmp_path / "weights.pth"), sha256=sha256_of_file(tmp_path / "weights.pth")))


def test_schedules_are_what_they_say() -> None:
    def factors(**options: Any) -> list[float]:
        schedule = experiment(schedule=options).schedule
        return [make_schedule(schedule, 12, 4)(step) for step in range(12)]

    assert factors(name="constant") == [1.0] * 12
    assert factors(name="constant", warmup_epochs=1)[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors(name="step", every=1, factor=0.1) == pytest.approx([1.0] * 4 + [0.1] * 4 + [0.01] * 4)
    cosine = factors(name="cosine", warmup_epochs=0.5)
    assert cosine[0] == 0.5 and cosine[1] == cosine[2] == 1.0
    assert cosine[2:] == sorted(cosine[2:], reverse=True) and cosine[7] == pytest.approx(0.5)


def test_the_commands_print_one_line_of_what_is_wrong(tmp_path: Path, shapes: Path) -> None:
    file = write_experiment(tmp_path / "experiments" / "shapes.yaml")
    arguments = ["train", str(file), "--dataset", str(shapes), "--output", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*arguments, "--run", "other"])
    assert isinstance(done.exception, InputError) and "has no run other. There is shapes." in str(done.exception)
    file.write_text(file.read_text().replace(f"- {SIDE}", "- big", 1))
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError) and done.exception.field == "image_size.0"
    assert not (tmp_path / "run").exists()
