"""Evaluations of made-up answers, with the dataset and the run's folder that a report of them needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tests.evaluation_cases import about, write_case
from tests.model_cases import make_dataset
from treeline.io.datasets.metadata import Metadata, read_metadata, write_metadata
from treeline.io.parquet import sha256_of_file
from treeline.models.evaluation.rows import Answered, rows_of
from treeline.models.evaluation.writing import Batch, write_evaluation
from treeline.models.experiment import Task
from treeline.models.understanding.findings import Findings, find
from treeline.models.understanding.report import write_report
from treeline.models.understanding.subject import Subject, read_subject

METRICS = """epoch,step,split,learning_rate,loss,accuracy
0,3,train,0.01,1.25,
0,3,val,,1.5,0.4
1,6,train,0.005,0.75,
1,6,val,,1.0,0.6
"""


@dataclass(frozen=True)
class Case:
    """An evaluation, its dataset and its run."""

    evaluation: Path
    dataset: Path
    run: Path

    @property
    def subject(self) -> Subject:
        return read_subject(self.evaluation, self.dataset)

    def find(self) -> Findings:
        return find(self.subject, self.run)

    def report(self) -> Path:
        page = self.run / "report.html"
        write_report(self.run, self.evaluation, self.dataset, page)
        return page


def generated(folder: Path, task: Task, *, count: int = 60, methods: Sequence[str] = ("grad_cam",)) -> Case:
    """Random answers for a generated dataset that has its images."""
    case = _case(folder)
    make_dataset(case.dataset, task, count=count, encodings=["hdf5"])
    metadata = read_metadata(case.dataset / "metadata.h5")
    changes: dict[str, Any] = {"class_names": metadata.class_names} if metadata.class_names else {}
    changes["dataset_hash"] = sha256_of_file(case.dataset / "metadata.h5")
    write_case(case.evaluation, task, ids=metadata.index["id"].tolist(), methods=methods, **changes)
    return case


def answered(
    folder: Path,
    task: Task,
    outputs: npt.ArrayLike,
    targets: npt.ArrayLike,
    *,
    class_names: Sequence[str] = (),
    embeddings: npt.ArrayLike | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    **index: Any,
) -> Case:
    """Given answers, for images that are nowhere; `index` are columns of the table of that name."""
    case = _case(folder)
    given = torch.tensor(np.asarray(outputs, np.float32))
    ids = np.arange(len(given), dtype=np.int64) * 7 % 1009
    ids.sort()
    known: dict[str, Any] = {"id": ids, "image_path": [f"{id}.jpg" for id in ids], "sha256": [f"{id:x}" for id in ids]}
    metadata = Metadata("made", task, tuple(class_names), {"index": pd.DataFrame({**known, **index}), **(tables or {})})
    case.dataset.mkdir()
    write_metadata(metadata, case.dataset / "metadata.h5")
    truth = torch.tensor(np.asarray(targets))
    probabilities = {"multiclass": given.softmax(1), "multilabel": given.sigmoid(), "regression": given}[task]
    losses = given.square().mean(1) if task != "multiclass" else -given.log_softmax(1)[range(len(given)), truth.long()]
    facts = about(task, class_names=tuple(class_names), dataset_hash=sha256_of_file(case.dataset / "metadata.h5"))
    vectors = given.numpy() if embeddings is None else np.asarray(embeddings, np.float32)
    with write_evaluation(case.evaluation, facts, len(ids), 0) as writer:
        rows = rows_of(task, Answered(torch.tensor(ids), given, probabilities, truth, losses))
        labels = truth.numpy().astype(np.uint8) if task == "multilabel" else None
        writer.add(Batch(ids, vectors, rows, given.numpy(), labels))
    return case


def _case(folder: Path) -> Case:
    case = Case(folder / "evaluation.h5", folder / "dataset", folder / "run")
    case.run.mkdir(parents=True)
    (case.run / "metrics.csv").write_text(METRICS, encoding="utf-8")
    return case
