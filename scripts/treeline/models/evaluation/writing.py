"""Write evaluation files, batch by batch; what each dataset is, is said in `reading`.

pandas' own handle writes all that grows, for its tables can be written through no other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import tables
from tables.exceptions import HDF5ExtError

from treeline.errors import InputError
from treeline.io.atomic import atomic_path
from treeline.io.hdf_tables import append_table
from treeline.models.evaluation.reading import (
    AGGREGATES,
    ATTRIBUTIONS,
    CLASS_NAMES,
    EMBEDDINGS,
    ID,
    METRICS,
    NAMES,
    OUTPUTS,
    SCALE,
    SCHEMA_VERSION,
    TARGET,
    TARGETS,
    TEXTS,
    About,
    Floats,
    Ids,
)

COMPRESSED = tables.Filters(complevel=6, complib="zlib", shuffle=False)
"""Of masks, whose bytes are single: gzip, which every HDF5 library reads."""
CHUNK_BYTES = 2**18
TABLE_ROWS = 4096
"""Rows that are appended to the table at once."""


class Batch(NamedTuple):
    """What a model gives for some images.

    Args:
        ids: Of the images.
        embeddings: Images x dimensions.
        rows: Metrics of each image, with the column `id`.
        outputs: Images x classes, or x 1; None of a segmentation.
        targets: Images x labels of a multilabel task, else None.
    """

    ids: Ids
    embeddings: Floats
    rows: pd.DataFrame
    outputs: Floats | None = None
    targets: npt.NDArray[np.uint8] | None = None


class EvaluationWriter:
    """Writes an evaluation file; `write_evaluation` makes it."""

    def __init__(self, store: pd.HDFStore, images: int, attributed: int) -> None:
        self._store, self._file = store, store.root._v_file
        self._images, self._attributed = images, attributed
        self._waiting: list[pd.DataFrame] = []
        self._written, self._explained = 0, 0
        self.aggregates: Mapping[str, float] = {}
        """Metrics over all images, to be set before the end."""

    def add(self, batch: Batch) -> None:
        """Add the next images, in the order of their ids."""
        self._put(f"/{ID}", self._written, self._images, batch.ids)
        # Beyond what a float16 holds it is infinite; the caller has the name of the image, and refuses it.
        self._put(f"/{EMBEDDINGS}", self._written, self._images, batch.embeddings.astype(np.float16))
        for name, values in ((OUTPUTS, batch.outputs), (TARGETS, batch.targets)):
            if values is not None:
                self._put(f"/{name}", self._written, self._images, values)
        self._waiting.append(batch.rows)
        self._written += len(batch.ids)
        if sum(map(len, self._waiting)) >= TABLE_ROWS:
            self.flush()

    def add_attributions(self, ids: Ids, explained: Ids, masks: Mapping[str, Floats]) -> None:
        """Add masks of the next images that have some.

        Args:
            ids: Of the images, in order.
            explained: Which output the masks explain.
            masks: By method: images x height x width, of which the signs are dropped.
        """
        parts: dict[str, npt.NDArray[Any]] = {ID: ids, TARGET: explained}
        for method, values in masks.items():
            parts[method], parts[method + SCALE] = as_bytes(values)
        for name, values in parts.items():
            self._put(f"/{ATTRIBUTIONS}/{name}", self._explained, self._attributed, values)
        self._explained += len(ids)

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._waiting:
            rows = pd.concat(self._waiting)
            append_table(self._store, METRICS, rows, self._written - len(rows))
            self._waiting = []

    def _put(self, path: str, start: int, count: int, values: npt.NDArray[Any]) -> None:
        if path not in self._file:
            folder, _, name = path.rpartition("/")
            row_bytes = max(int(values[:1].nbytes), 1)
            is_mask = values.ndim == 3
            self._file.create_carray(
                folder or "/",
                name,
                tables.Atom.from_dtype(values.dtype),
                (count, *values.shape[1:]),
                filters=COMPRESSED if is_mask else None,
                # A mask is a chunk of its own: one can be read without the others.
                chunkshape=(1 if is_mask else min(count, max(1, CHUNK_BYTES // row_bytes)), *values.shape[1:]),
                createparents=True,
                track_times=False,
            )
        self._file.get_node(path)[start : start + len(values)] = values


@contextmanager
def write_evaluation(target: Path, about: About, images: int, attributed: int) -> Iterator[EvaluationWriter]:
    """Write an evaluation file, as a whole or not at all; the same bytes for the same content.

    Args:
        target: The file; replaced.
        about: Which model was evaluated on what.
        images: How many will be added.
        attributed: How many will have attribution masks.

    Yields:
        What takes the images.

    Raises:
        InputError: The disk is full, or fails otherwise.
    """
    with atomic_path(target) as temporary:
        with _writing(target, HDF5ExtError), pd.HDFStore(temporary, mode="w") as store:
            writer = EvaluationWriter(store, images, attributed)
            yield writer
            writer.flush()
        # PyTables says nothing where a file could not be closed whole; it is found cut off here.
        with _writing(target, OSError, RuntimeError), h5py.File(temporary, "r+") as file:
            _put_facts(file, about, writer.aggregates)


@contextmanager
def _writing(target: Path, *errors: type[Exception]) -> Iterator[None]:
    """Have what HDF5 says where it cannot write be an error that names the file."""
    try:
        yield
    except errors as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(target, f"cannot be written ({reason}).", fix="Make room, and run the same again.") from None


def as_bytes(values: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Bytes of absolute values, and what to multiply those of each image by: the largest becomes 255.

    Args:
        values: Images x height x width.
    """
    absolute = np.abs(values.astype(np.float64))
    scales = (absolute.max(axis=(1, 2)) / 255).astype(np.float32)
    # Nothing but zeros, or what is too small for a float32, stays 0.
    divisors = np.where(scales > 0, scales, np.inf)[:, None, None]
    return np.minimum(np.rint(absolute / divisors), 255).astype(np.uint8), scales


def evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    """Places of at most so many of `count` things, evenly from the first to the last."""
    chosen = min(count, most)
    return np.linspace(0, count - 1, chosen).round().astype(np.int64) if chosen else np.zeros(0, np.int64)


def _put_facts(file: h5py.File, about: About, aggregates: Mapping[str, float]) -> None:
    for name in TEXTS:
        file.create_dataset(name, data=getattr(about, name), dtype=h5py.string_dtype())
    attributes: Mapping[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        **{name: getattr(about, name) for name in NAMES},
        CLASS_NAMES: _json(about.class_names),
        AGGREGATES: _json({name: value if math.isfinite(value) else None for name, value in aggregates.items()}),
    }
    for name, value in attributes.items():
        file.attrs[name] = value


def _json(value: Mapping[str, Any] | Sequence[str]) -> str:
    return json.dumps(value, ensure_ascii=False)
