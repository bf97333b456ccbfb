"""From encoded images to rows: an embedding and, of a classifier, a label, or the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from treeline.errors import ImageError, InputError
from treeline.io.datasets.samples import Bands, decode_bands
from treeline.io.image_names import split_ending
from treeline.io.images import read_stored, sniff_format
from treeline.io.shard_sources import SourceImage
from treeline.models.facts import ModelFacts
from treeline.models.inference import OnnxModel, probabilities

log = logging.getLogger(__name__)

UUID, EMBEDDING, LABEL, CONFIDENCE, REASON = "uuid", "embedding", "label", "confidence", "reason"
NUMBERS = pa.float16()
"""Half the size of float32, read by pyarrow, pandas and DuckDB; a cosine similarity changes in its fourth digit."""
DOES_NOT_FIT = "does not fit the model"
"""Beginning of the reason of an image that has other channels than the model takes."""
CLASSIFIERS = ("multiclass", "multilabel")


class Embedder:
    """A model that gives rows.

    Args:
        file: The ONNX file.
        threads: CPU threads.
        max_pixels: Largest height x width that is decoded.

    Raises:
        InputError: `file` is no exported model.
    """

    def __init__(self, file: Path, *, threads: int, max_pixels: int) -> None:
        self._file, self._max_pixels = file, max_pixels
        self._model = OnnxModel(file, threads=threads)
        # The size of the embeddings is asked of the model itself: so every file has it, even one without any image.
        blank = np.zeros((*self.facts.image_size, len(self.facts.channels)), np.uint8)
        self.dimensions = self._run(self._model.prepare([blank]))[0].shape[1]

    @property
    def facts(self) -> ModelFacts:
        """What the model takes and gives."""
        return self._model.facts

    @property
    def schema(self) -> pa.Schema:
        """Columns of what `embed` gives."""
        return pa.schema(
            [
                (UUID, pa.string()),
                (EMBEDDING, pa.list_(NUMBERS, self.dimensions)),
                *([(LABEL, pa.string()), (CONFIDENCE, pa.float32())] if self.facts.task in CLASSIFIERS else []),
                (REASON, pa.string()),
            ]
        )

    def embed(self, images: Sequence[SourceImage]) -> pa.Table:
        """Run the model over a batch; an image that cannot be read harms no other.

        Returns:
            A row an image, in order: with an embedding, or with a reason why there is none.

        Raises:
            InputError: The model does not run.
        """
        prepared: dict[int, npt.NDArray[np.float32]] = {}
        reasons: list[str | None] = [None] * len(images)
        for place, image in enumerate(images):
            try:
                # One at a time: only what the model takes is kept, not a batch of photos in their full size.
                prepared[place] = self._model.prepare([self._read(image)])
            except ImageError as error:
                reasons[place] = str(error)
            except ValueError as error:
                reasons[place] = f"{DOES_NOT_FIT}: {error}"
            if reasons[place] is not None:
                log.warning("%s: %s", image.name, reasons[place])
        embeddings = np.zeros((len(images), self.dimensions), np.float16)
        outputs = np.zeros((len(images), max(1, len(self.facts.class_names))), np.float32)
        if prepared:
            places = list(prepared)
            found, answers = self._run(np.concatenate(list(prepared.values())))
            with np.errstate(over="ignore"):
                embeddings[places] = found
            if self.facts.task in CLASSIFIERS:
                outputs[places] = answers
            for place in places:
                if not np.isfinite(embeddings[place]).all() or not np.isfinite(outputs[place]).all():
                    reasons[place] = "the model gives no finite numbers for it"
        return self._table([split_ending(image.name)[0] for image in images], embeddings, outputs, reasons)

    def _read(self, image: SourceImage) -> Bands:
        if sniff_format(image.data) == "tiff":
            return decode_bands(image.data, max_pixels=self._max_pixels)
        return read_stored(image.data, image.sizes, max_pixels=self._max_pixels)

    def _run(self, prepared: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        try:
            outputs, embeddings = self._model.run(prepared)
        except Exception as error:  # onnxruntime's errors have no common class
            raise InputError(self._file, f"the model does not run: {error}") from None
        return embeddings, outputs

    def _table(
        self,
        uuids: list[str],
        embeddings: npt.NDArray[np.float16],
        outputs: npt.NDArray[np.float32],
        reasons: list[str | None],
    ) -> pa.Table:
        missing = np.array([reason is not None for reason in reasons])
        numbers = pa.array(embeddings.reshape(-1), NUMBERS)
        columns = {
            UUID: pa.array(uuids, pa.string()),
            EMBEDDING: pa.FixedSizeListArray.from_arrays(numbers, self.dimensions, mask=pa.array(missing)),
            REASON: pa.array(reasons, pa.string()),
        }
        if self.facts.task in CLASSIFIERS:
            shares = probabilities(self.facts.task, outputs)
            labels = [self.facts.class_names[number] for number in shares.argmax(axis=1)]
            columns[LABEL] = pa.array(labels, pa.string(), mask=missing)
            columns[CONFIDENCE] = pa.array(shares.max(axis=1), pa.float32(), mask=missing)
        return pa.table([columns[name] for name in self.schema.names], schema=self.schema)
