"""The model card: what a model is for, of which data it is made, how good it is, and where its limits are.

The form is that of Hugging Face's model cards (https://huggingface.co/docs/hub/model-cards): facts for programs as YAML
at the head, text for people below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from treeline.config_datasets import Task
from treeline.errors import InputError
from treeline.io.credits.columns import COLUMNS
from treeline.io.datasets.metadata import ID, SPLITS, Metadata
from treeline.io.licenses import normalise
from treeline.models.facts import ModelFacts
from treeline.models.trained import Trained

if TYPE_CHECKING:
    from treeline.models.evaluation.reading import Evaluation

PIPELINES: dict[Task, str] = {
    "multiclass": "image-classification",
    "multilabel": "image-classification",
    "segmentation": "image-segmentation",
    "regression": "image-feature-extraction",
}
"""What the Hub calls each task; it knows no regression of images."""
LICENCES = COLUMNS["license"]
CREATORS = (*COLUMNS["creator"], *COLUMNS["rights_holder"])
"""Columns of the dataset's table `additional`, the first that is there."""
MOST_ROWS = 50
DECIMALS = 4
"""Of metrics."""
FEW_IMAGES = 50
"""A class with fewer of `train` is named among the limits."""
NOT_GIVEN = "not given"

Columns = Sequence[str]
Rows = Iterable[Sequence[object]]


def write_card(target: Path, trained: Trained, metadata: Metadata, described: Mapping[str, Any], run: Path) -> None:
    """Write a model card, with the scores of the run's evaluation where it was evaluated.

    Args:
        target: `README.md`.
        trained: The model.
        metadata: The dataset's.
        described: The content of `model.json`.
        run: Folder of the run.

    Raises:
        InputError: The run's evaluation cannot be read, or is another model's.
    """
    facts = trained.facts
    evaluation = _find_evaluation(run, facts)
    head = yaml.safe_dump(_front_matter(facts, evaluation), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{head}---\n",
        f"# {_line(facts.run)}\n",
        f"{_line(trained.experiment.title)}.\n".replace("..", "."),
        *_use(facts),
        *_scores(evaluation),
        *_limits(facts, metadata),
        *_data(facts, metadata),
        *_sources(metadata),
        *_making(trained, described),
    ]
    target.write_text("\n".join(parts), encoding="utf-8")


def _find_evaluation(run: Path, facts: ModelFacts) -> Evaluation | None:
    from treeline.models.evaluation.reading import read_evaluation

    file = run / f"{facts.run}_{facts.dataset}_evaluation.h5"
    if not file.is_file():
        return None
    evaluation = read_evaluation(file)
    about = evaluation.about
    if (about.run, about.trained_on_hash) != (facts.run, facts.dataset_hash):
        problem = f"is of the model {about.run}, and of another one than {facts.run} or of other training data."
        raise InputError(file, problem, fix="Evaluate the model anew.")
    return evaluation


def _front_matter(facts: ModelFacts, evaluation: Evaluation | None) -> dict[str, Any]:
    front: dict[str, Any] = {
        "library_name": "onnx",
        "pipeline_tag": PIPELINES[facts.task],
        "tags": ["treeline", facts.task],
    }
    if evaluation is not None:
        about = evaluation.about
        metrics = [{"type": name, "value": value} for name, value in _rounded(evaluation).items()]
        result = {
            "task": {"type": PIPELINES[facts.task]},
            "dataset": {"name": about.dataset, "type": about.dataset, "split": about.split},
            "metrics": metrics,
        }
        front["model-index"] = [{"name": facts.run, "results": [result]}]
    return front


def _rounded(evaluation: Evaluation) -> dict[str, float]:
    """The metrics that are defined, to `DECIMALS`."""
    return {name: round(value, DECIMALS) for name, value in evaluation.aggregates.items() if value is not None}


def _use(facts: ModelFacts) -> list[str]:
    height, width = facts.image_size
    gives = {
        "multiclass": f"one of {len(facts.class_names)} classes",
        "multilabel": f"which of {len(facts.class_names)} labels apply",
        "regression": "a number",
        "segmentation": f"which of {len(facts.class_names)} classes each pixel is of",
    }
    command = "treeline models predict model.onnx IMAGES --output predictions.csv"
    return [
        "## What it does\n",
        f"It takes images of {len(facts.channels)} channels ({_line(', '.join(facts.channels))}), which are resized to "
        f"{width} x {height} pixels, and says {gives[facts.task]}.\n",
        *([f"Classes: {_line(', '.join(facts.class_names))}.\n"] if facts.class_names else []),
        f"    {command}\n",
    ]


def _scores(evaluation: Evaluation | None) -> list[str]:
    if evaluation is None:
        return ["## How good it is\n", "It has not been evaluated: `treeline models evaluate` does that.\n"]
    return [
        "## How good it is\n",
        f"On {len(evaluation.ids):,} images of the split `{evaluation.about.split}`:\n",
        _table(("metric", "value"), _rounded(evaluation).items()),
    ]


def _limits(facts: ModelFacts, metadata: Metadata) -> list[str]:
    limits = [
        "It knows nothing but the images that it was trained on: of other cameras, places, seasons or sizes it can be "
        "wrong, and sure of it. Evaluate it on images of your own before you rely on it.",
    ]
    if facts.task == "multiclass":
        limits.append("It names one of its classes for any image, also where the image shows none of them.")
        counts = _counts(metadata)
        rare = counts["class"][counts["train"] < FEW_IMAGES].tolist()
        if rare:
            names = _line(", ".join(rare[:MOST_ROWS]))
            limits.append(f"Classes with fewer than {FEW_IMAGES} images to learn from: {names}.")
    return ["## Limits\n", "".join(f"- {limit}\n" for limit in limits)]


def _data(facts: ModelFacts, metadata: Metadata) -> list[str]:
    splits = metadata.index["split"].value_counts()
    parts = [
        "## Data\n",
        f"The dataset `{_line(facts.dataset)}`, hash `{facts.dataset_hash}`.\n",
        _table(("split", "images"), [(split, int(splits.get(split, 0))) for split in SPLITS]),
    ]
    counts = _counts(metadata)
    if not counts.empty:
        parts += [f"{'Images' if facts.task == 'multiclass' else 'Labels'} of each class:\n"]
        parts += [_frame(counts)]
    return parts


def _counts(metadata: Metadata) -> pd.DataFrame:
    """How often each class is in each split; empty where samples have no label of their own."""
    labels = metadata.tables.get("labels", metadata.index)
    if "label" not in labels:
        return pd.DataFrame()
    split = labels[ID].map(metadata.index.set_index(ID)["split"])
    counts = pd.crosstab(labels["label"], split).reindex(list(metadata.class_names), fill_value=0)
    counts = counts.reindex(columns=list(SPLITS), fill_value=0)
    return counts.rename_axis("class").rename_axis(None, axis=1).reset_index()


def _sources(metadata: Metadata) -> list[str]:
    parts = ["## Whose images\n"]
    additional = metadata.tables.get("additional", pd.DataFrame())
    for title, names in (("licence", LICENCES), ("creator", CREATORS)):
        column = next((name for name in names if name in additional), None)
        if column is None:
            parts.append(f"The {title} of the images is {NOT_GIVEN} in the dataset.\n")
            continue
        values = additional[column].astype(str).str.strip()
        if names == LICENCES:
            values = values.map(lambda text: normalise(text).name or "")
        values = values.replace("", NOT_GIVEN)
        counts = values.value_counts().rename_axis("value").reset_index(name="images")
        counts = counts.sort_values(["images", "value"], ascending=[False, True], ignore_index=True)
        parts.append(_table((title, "images"), counts[:MOST_ROWS].itertuples(index=False)))
        if len(counts) > MOST_ROWS:
            rest = int(counts["images"][MOST_ROWS:].sum())
            parts.append(f"And {len(counts) - MOST_ROWS:,} more, of {rest:,} images.\n")
    parts.append("This card gives no licence to the model itself: who publishes it says which, as the images allow.\n")
    return parts


def _making(trained: Trained, described: Mapping[str, Any]) -> list[str]:
    experiment, parity = trained.experiment, described["parity"]
    decoder = experiment.architecture.decoder or "the task's own"
    weights = experiment.architecture.weights
    rows = [
        ("encoder", experiment.architecture.encoder),
        ("decoder", decoder),
        ("started from", "random weights" if weights is None else f"weights of SHA-256 {weights.sha256}"),
        ("parameters", described["parameters"]),
        ("loss", ", ".join(term.name for term in experiment.loss) or "the task's own"),
        ("optimiser", f"{experiment.optimiser.name}, learning rate {experiment.optimiser.learning_rate:g}"),
        ("epochs, at most", experiment.epochs),
        ("batch size", experiment.batch_size),
        ("augmentation", experiment.augmentation or "none"),
        ("seed", experiment.seed),
        ("SHA-256 of model.onnx", described["sha256"]),
        *((f"version of {name}", number) for name, number in described["versions"].items()),
    ]
    compared = ", ".join(f"{count:,} of {split}" for split, count in parity["images"].items())
    agreement = parity["top_1_agreement"]
    return [
        "## How it was made\n",
        _table(("what", "value"), rows),
        f"Compared with the trained model on images ({compared}), its outputs differ by at most "
        f"{parity['outputs_difference']:.1e} and its embeddings by {parity['embedding_difference']:.1e}"
        + (f"; in {agreement:.2%} both say the same.\n" if agreement is not None else ".\n"),
    ]


def _table(columns: Columns, rows: Rows) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _frame(table: pd.DataFrame) -> str:
    return _table([str(name) for name in table], table.itertuples(index=False))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{DECIMALS}f}"
    text = f"{value:,}" if hasattr(value, "__index__") else _line(str(value))
    return text.replace("|", "\\|")


def _line(text: str) -> str:
    """One line that cannot begin or end what stands around it, or hold HTML."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
