"""Export a run: its ONNX file, what is known of it, and its model card."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx

from treeline import __version__
from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.datasets.encodings import open_encoding
from treeline.io.datasets.stored_images import METADATA_FILE
from treeline.io.parquet import sha256_of_file
from treeline.models.evaluation.data import find_encoding
from treeline.models.export.card import write_card
from treeline.models.export.parity import Parity, check_parity, measure_parity
from treeline.models.facts import ModelFacts, hash_of_dataset
from treeline.models.inference import OnnxModel
from treeline.models.onnx_file import export_onnx
from treeline.models.trained import Trained, load_trained

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
MODEL, DESCRIPTION, CARD = "model.onnx", "model.json", "README.md"
LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime")


def export_run(run: Path, dataset: Path, output: Path) -> Parity:
    """Write `model.onnx`, `model.json` and `README.md`, each as a whole, and none unless the model proves to be right.

    Args:
        run: Folder of the run.
        dataset: Folder of the dataset that it was trained on.
        output: Folder, such as that of the run.

    Returns:
        How far the exported model is from the trained one.

    Raises:
        InputError: The run has no checkpoint, the dataset is missing or another one, or the models differ.
    """
    trained = load_trained(run)
    _check_dataset(dataset, trained.facts)
    with ExitStack() as stack:
        encoding = stack.enter_context(closing(open_encoding(find_encoding(dataset, trained))))
        model, description, card = (
            stack.enter_context(atomic_path(output / name)) for name in (MODEL, DESCRIPTION, CARD)
        )
        export_onnx(trained.model, trained.facts, model)
        onnx.checker.check_model(str(model), full_check=True)
        parity = measure_parity(trained.model, OnnxModel(model), encoding)
        check_parity(run, parity)
        described = _describe(model, trained, parity)
        description.write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        write_card(card, trained, encoding.metadata, described, run)
    log.info("%s: differs from the trained model by at most %.2g", output / MODEL, parity.relative_difference)
    return parity


def _check_dataset(dataset: Path, facts: ModelFacts) -> None:
    if hash_of_dataset(dataset) != facts.dataset_hash:
        problem = f"is not the dataset that {facts.run} was trained on: what is its test may have been its training."
        raise InputError(dataset / METADATA_FILE, problem, fix="Bring that dataset back, or train the model anew.")


def _describe(model: Path, trained: Trained, parity: Parity) -> dict[str, Any]:
    content = onnx.load(str(model), load_external_data=False)
    return {
        "schema_version": SCHEMA_VERSION,
        "file": MODEL,
        "sha256": sha256_of_file(model),
        "bytes": model.stat().st_size,
        "parameters": sum(values.numel() for values in trained.model.parameters()),
        "opset": {domain.domain or "ai.onnx": domain.version for domain in content.opset_import},
        "facts": trained.facts.model_dump(mode="json"),
        "parity": parity.model_dump(mode="json"),
        "versions": {"treeline": __version__, **{library: version(library) for library in LIBRARIES}},
    }
