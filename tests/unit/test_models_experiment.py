"""Every key of an experiment comes back as it was written; whatever is wrong is one error that names the key."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from treeline.errors import InputError
from treeline.models.experiment import DECODERS, LOSSES, METRICS, Experiment, Task, read_experiment

LEAST: dict[str, Any] = {
    **{"title": "Do shapes learn?", "dataset": "shapes", "task": "multiclass"},
    **{"image_size": [32, 48], "epochs": 2},
}
TASKS: tuple[Task, ...] = ("multiclass", "multilabel", "regression", "segmentation")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
POSITIVE = st.floats(1e-9, 1e9)
NOT_NEGATIVE = st.floats(0, 1e9)
BELOW_ONE = st.floats(0, 0.99)
COUNT = st.integers(1, 10**6)
SETTINGS = settings(max_examples=40)


def some(model: type[BaseModel], **values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any choice of a block's keys, of which none is forgotten here."""
    fields = model.model_fields
    assert values.keys() == fields.keys()
    required = {name: value for name, value in values.items() if fields[name].is_required()}
    return st.fixed_dictionaries(required, optional={name: values[name] for name in values if name not in required})


def block(name: str) -> Any:
    """The class of one of the experiment's blocks."""
    from treeline.models import experiment

    return getattr(experiment, name)


def experiments_of(task: Task) -> st.SearchStrategy[dict[str, Any]]:
    weights = some(block("Weights"), file=TEXT, sha256=st.from_regex(r"\A[0-9a-f]{64}\Z"))
    architecture = some(
        block("Architecture"),
        encoder=st.sampled_from(["convnet", "resnet18", "resnet34", "resnet50"]),
        decoder=st.sampled_from([None, *DECODERS[task]]),
        weights=st.none() | weights,
        dropout=BELOW_ONE,
    )
    term = some(
        block("LossTerm"),
        name=st.sampled_from(LOSSES[task]),
        weight=POSITIVE,
        class_weights=st.sampled_from([None, "balanced"]) | st.lists(POSITIVE, max_size=4),
        gamma=NOT_NEGATIVE,
    )
    optimiser = some(
        block("Optimiser"),
        name=st.sampled_from(["adamw", "sgd"]),
        learning_rate=POSITIVE,
        weight_decay=NOT_NEGATIVE,
        gradient_clip=st.none() | POSITIVE,
    )
    schedule = some(
        block("Schedule"),
        name=st.sampled_from(["constant", "cosine", "step"]),
        warmup_epochs=NOT_NEGATIVE,
        every=COUNT,
        factor=st.floats(1e-9, 0.99),
    )
    value = st.integers() | POSITIVE | TEXT | st.booleans() | st.none()
    sweep = some(
        block("Sweep"),
        grid=st.dictionaries(TEXT, st.lists(value, min_size=1, max_size=3), max_size=3),
        runs=st.lists(st.dictionaries(TEXT, value, max_size=3), max_size=3),
    )
    attributions = ["integrated_gradients", "grad_cam", "occlusion"]
    return some(
        Experiment,
        title=TEXT,
        dataset=st.from_regex(r"\A[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]\Z"),
        encoding=st.sampled_from(["imagefolder", "hdf5", "tar", "numpy", "lmdb", "zarr"]),
        task=st.just(task),
        image_size=st.lists(st.integers(8, 4096), min_size=2, max_size=2),
        architecture=architecture,
        loss=st.lists(term, max_size=3),
        metrics=st.lists(st.sampled_from(METRICS[task]), unique=True),
        optimiser=optimiser,
        schedule=schedule,
        freeze=st.lists(some(block("Freeze"), part=TEXT, epochs=COUNT), max_size=2),
        augmentation=st.none() | TEXT,
        epochs=COUNT,
        batch_size=COUNT,
        workers=st.integers(0, 64),
        seed=st.integers(0, 2**32 - 1),
        precision=st.sampled_from(["32-true", "bf16-mixed", "16-mixed"]),
        early_stopping=st.none() | some(block("EarlyStopping"), patience=COUNT),
        budget=some(block("Budget"), minutes=st.none() | POSITIVE, steps=st.none() | COUNT),
        accelerator=st.sampled_from(["auto", "cpu", "gpu"]),
        devices=COUNT,
        nodes=COUNT,
        loggers=st.lists(st.sampled_from(["tensorboard", "mlflow"]), unique=True),
        attributions=st.lists(st.sampled_from(attributions), unique=True),
        sweep=st.none() | sweep,
    )


def write(folder: Path, content: Any) -> Path:
    file = folder / "shapes.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


def assert_holds(dumped: Any, content: Any) -> None:
    """Whatever was written is in what was read, which has the defaults beside it."""
    if isinstance(content, dict):
        for key, value in content.items():
            assert_holds(dumped[key], value)
    elif isinstance(content, list):
        assert len(dumped) == len(content)
        for one, other in zip(dumped, content, strict=True):
            assert_holds(one, other)
    else:
        assert dumped == content


@SETTINGS
@given(st.sampled_from(TASKS).flatmap(experiments_of))
def test_an_experiment_comes_back_from_yaml_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("experiments")
    experiment = read_experiment(write(folder, content))
    dumped = experiment.model_dump(mode="json")
    assert_holds(dumped, content)
    assert read_experiment(write(folder, dumped)) == experiment
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_the_least_experiment_has_defaults_for_the_rest(tmp_path: Path) -> None:
    experiment = read_experiment(write(tmp_path, LEAST))
    assert (experiment.architecture.encoder, experiment.encoding, experiment.seed) == ("resnet18", "hdf5", 0)
    assert experiment.loss == [] and experiment.sweep is None


WRONG: list[tuple[str, Any, str]] = [
    ("title", "", "'title': String should have at least 1 character"),
    ("title", 5, "'title': Input should be a valid string"),
    ("dataset", "../shapes", "'dataset': String should match pattern"),
    ("dataset", "shapes\n", "'dataset': String should match pattern"),
    ("encoding", "jpeg", "'encoding': Input should be 'imagefolder', 'hdf5'"),
    ("task", "detection", "'task': Input should be 'multiclass', 'multilabel'"),
    ("image_size", [32], "'image_size': List should have at least 2 items"),
    ("image_size", [32, 32, 3], "'image_size': List should have at most 2 items"),
    ("image_size", [7, 32], "'image_size.0': Input should be greater than or equal to 8"),
    ("image_size", [32.5, 32], "'image_size.0': Input should be a valid integer"),
    ("image_size", 32, "'image_size': Input should be a valid list"),
    ("architecture.encoder", "resnet101", "'architecture.encoder': Input should be 'convnet', 'resnet18'"),
    ("architecture.decoder", "unet", "architecture.decoder: unet does not fit the task multiclass; what does: linear"),
    ("architecture.dropout", 1, "'architecture.dropout': Input should be less than 1"),
    ("architecture.weights", {"file": "w.pth"}, "'architecture.weights.sha256': Field required"),
    ("architecture.weights", {"file": "w.pth", "sha256": "A" * 64}, "'architecture.weights.sha256': String should"),
    ("architecture.depth", 18, "'architecture.depth': Extra inputs are not permitted"),
    ("loss", "focal", "'loss': Input should be a valid list"),
    ("loss", [{"name": "focus"}], "'loss.0.name': Input should be 'cross_entropy'"),
    ("loss", [{"name": "dice"}], "loss: dice does not fit the task multiclass; what does: cross_entropy, focal"),
    ("loss", [{"name": "focal", "weight": 0}], "'loss.0.weight': Input should be greater than 0"),
    ("loss", [{"name": "focal", "gamma": -1}], "'loss.0.gamma': Input should be greater than or equal to 0"),
    ("loss", [{"name": "focal", "class_weights": "equal"}], "'loss.0.class_weights"),
    ("loss", [{"name": "focal", "class_weights": [1, 0]}], "'loss.0.class_weights"),
    ("metrics", ["iou"], "metrics: iou does not fit the task multiclass; what does: accuracy, balanced_accuracy"),
    ("metrics", ["f1", "f1"], "'metrics': f1 is there twice"),
    ("optimiser.name", "adam", "'optimiser.name': Input should be 'adamw' or 'sgd'"),
    ("optimiser.learning_rate", 0, "'optimiser.learning_rate': Input should be greater than 0"),
    ("optimiser.learning_rate", "1e-3", "'optimiser.learning_rate': .* valid number. YAML takes 1e-3 for a text"),
    ("optimiser.learning_rate", float("nan"), "'optimiser.learning_rate': Input should be a finite number"),
    ("optimiser.weight_decay", float("inf"), "'optimiser.weight_decay': Input should be a finite number"),
    ("optimiser.gradient_clip", 0, "'optimiser.gradient_clip': Input should be greater than 0"),
    ("schedule.name", "linear", "'schedule.name': Input should be 'constant', 'cosine' or 'step'"),
    ("schedule.factor", 1, "'schedule.factor': Input should be less than 1"),
    ("schedule.every", 0, "'schedule.every': Input should be greater than or equal to 1"),
    ("schedule.warmup_epochs", -1, "'schedule.warmup_epochs': Input should be greater than or equal to 0"),
    ("freeze", [{"part": "encoder"}], "'freeze.0.epochs': Field required"),
    ("freeze", [{"part": "", "epochs": 1}], "'freeze.0.part': String should have at least 1 character"),
    ("augmentation", "", "'augmentation': String should have at least 1 character"),
    ("epochs", 0, "'epochs': Input should be greater than or equal to 1"),
    ("epochs", True, "'epochs': Input should be a valid integer"),
    ("batch_size", 0, "'batch_size': Input should be greater than or equal to 1"),
    ("workers", -1, "'workers': Input should be greater than or equal to 0"),
    ("seed", -1, "'seed': Input should be greater than or equal to 0"),
    ("seed", 2**32, "'seed': Input should be less than 4294967296"),
    ("precision", 32, "'precision': Input should be '32-true', 'bf16-mixed' or '16-mixed'"),
    ("early_stopping.patience", 0, "'early_stopping.patience': Input should be greater than or equal to 1"),
    ("budget.minutes", 0, "'budget.minutes': Input should be greater than 0"),
    ("budget.steps", 0, "'budget.steps': Input should be greater than or equal to 1"),
    ("accelerator", "tpu", "'accelerator': Input should be 'auto', 'cpu' or 'gpu'"),
    ("devices", 0, "'devices': Input should be greater than or equal to 1"),
    ("nodes", 0, "'nodes': Input should be greater than or equal to 1"),
    ("loggers", ["wandb"], "'loggers.0': Input should be 'tensorboard' or 'mlflow'"),
    ("loggers", ["mlflow", "mlflow"], "'loggers': mlflow is there twice"),
    ("attributions", ["saliency"], "'attributions.0': Input should be 'integrated_gradients'"),
    ("sweep.grid", {"seed": []}, "'sweep.grid.seed': List should have at least 1 item"),
    ("sweep.grid", {"seed": 1}, "'sweep.grid.seed': Input should be a valid list"),
    ("sweep.runs", {"seed": 1}, "'sweep.runs': Input should be a valid list"),
    ("seeds", 1, "'seeds': Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("key", "value", "problem"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_an_error_that_names_its_key(key: str, value: Any, problem: str, tmp_path: Path) -> None:
    content = deepcopy(LEAST)
    *blocks, name = key.split(".")
    inner = content
    for each in blocks:
        inner = inner.setdefault(each, {})
    inner[name] = value
    with pytest.raises(InputError, match=rf"shapes\.yaml(: |, field ){problem}"):
        read_experiment(write(tmp_path, content))


def test_every_key_has_a_wrong_value_here() -> None:
    assert Experiment.model_fields.keys() <= {key.split(".")[0] for key, *_ in WRONG}


@pytest.mark.parametrize("key", [name for name, field in Experiment.model_fields.items() if field.is_required()])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"field '{key}': Field required"):
        read_experiment(write(tmp_path, {name: value for name, value in LEAST.items() if name != key}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "valid dictionary"),
        (b"- 1\n- 2\n", "valid dictionary"),
        (b"title: [", "is not YAML"),
        (b"title: \xff\xfe", "is not YAML"),
        (b"title: a\0b", "is not YAML"),
        (b"? {a: 1}\n: 2\n", "is not YAML"),
        (b"title: !!python/object/apply:os.system ['touch ran']", "is not YAML: could not determine a constructor"),
        (b"title: " + b"[" * 5000, "is not YAML"),
    ],
    ids=["empty", "list", "broken", "bytes", "null", "key", "code", "deep"],
)
def test_what_is_no_experiment_is_one_error_and_no_code_is_run(
    text: bytes, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shapes.yaml").write_bytes(text)
    with pytest.raises(InputError, match=rf"shapes\.yaml.*{problem}"):
        read_experiment(Path("shapes.yaml"))
    assert [file.name for file in tmp_path.iterdir()] == ["shapes.yaml"]


def test_a_file_that_is_not_there_or_has_no_fit_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read: No such file"):
        read_experiment(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match=r"My shapes\.yaml: its name is the experiment's"):
        read_experiment(tmp_path / "My shapes.yaml")
