"""Find the images whose embeddings are nearest to one: exactly, by reading all of them once.

DuckDB streams the files and keeps the best rows alone, so that memory does not grow with the collection. An index would
answer sooner, but has to be built, kept in memory, and gives only most of the nearest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import duckdb
import pyarrow as pa
import pyarrow.csv

from treeline.choices import MAX_PIXELS
from treeline.errors import InputError
from treeline.io.atomic import atomic_path, write_text
from treeline.io.database import connect, database_memory
from treeline.io.parquet import sha256_of_file, write_table
from treeline.io.shard_sources import SourceImage
from treeline.models.embeddings.embedder import CONFIDENCE, EMBEDDING, LABEL, REASON, UUID, Embedder
from treeline.models.embeddings.files import EmbeddingFiles

SIMILARITY, FILE = "similarity", "file"
SUFFIXES = (".parquet", ".csv", ".json")

NEAREST = """
SELECT * FROM (
    SELECT {columns}, array_cosine_similarity({embedding}::FLOAT[{dimensions}], $query::FLOAT[{dimensions}])
        AS {similarity}, filename AS {file}
    FROM {relation}
    WHERE {uuid} IS DISTINCT FROM $itself
)
WHERE isfinite({similarity})
ORDER BY {similarity} DESC, {uuid}, {file}
LIMIT $count
"""
"""An embedding of zeros has no direction: its similarity is not a number, and it is left out."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for.

    Args:
        embedding: Of the image.
        uuid: Of the image where it is one of the collection: it is not among the answers.
    """

    embedding: Sequence[float]
    uuid: str | None = None


class EmbeddingSearch:
    """Searches embeddings.

    Args:
        embeddings: The files.
        memory_mb: Memory to work in, in MiB.
        threads: CPU threads.
    """

    def __init__(self, embeddings: EmbeddingFiles, *, memory_mb: int, threads: int) -> None:
        self._embeddings, self._memory_mb, self._threads = embeddings, memory_mb, threads

    def wanted_by_id(self, uuid: str) -> Wanted:
        """Take the embedding of an image of the collection.

        Raises:
            InputError: There is none of this uuid, or there are several that differ.
        """
        statement = f"SELECT DISTINCT {EMBEDDING} FROM {self._embeddings.relation} WHERE {UUID} = $uuid LIMIT 2"
        found = self._ask(statement, {"uuid": uuid})[EMBEDDING].to_pylist()
        if len(found) != 1:
            problem = f"has {'two embeddings' if found else 'no embedding'} of the image {uuid}."
            raise InputError(self._embeddings.files[0].parent, problem, fix="Give the image itself: --image.")
        return Wanted(found[0], uuid)

    def wanted_by_image(self, image: Path, model: Path) -> Wanted:
        """Embed an image.

        Args:
            image: Its file.
            model: The ONNX file that has made the embeddings.

        Raises:
            InputError: The image cannot be read, or the model is another one.
        """
        self.check_model(model)
        try:
            data = image.read_bytes()
        except OSError as error:
            raise InputError(image, f"cannot be read: {error.strerror}.") from None
        embedder = Embedder(model, threads=self._threads, max_pixels=MAX_PIXELS)
        [row] = embedder.embed([SourceImage(image.name, data, [])]).to_pylist()
        if row[REASON] is not None:
            raise InputError(image, f"cannot be embedded: {row[REASON]}.")
        return Wanted(row[EMBEDDING])

    def check_model(self, model: Path) -> None:
        """Refuse another model than that which has made the embeddings.

        Raises:
            InputError: It is another one, or not there.
        """
        if not model.is_file():
            raise InputError(model, "is not there.", fix="Export a model: treeline models export --help.")
        if sha256_of_file(model) != self._embeddings.model_sha256:
            fix = f"Take the model whose SHA-256 is {self._embeddings.model_sha256}, or embed the collection anew."
            raise InputError(model, "is not the model that has made the embeddings.", fix=fix)

    def nearest(self, wanted: Wanted, count: int) -> pa.Table:
        """Find the most similar images.

        Args:
            wanted: What they are compared with.
            count: Most images to give.

        Returns:
            Columns `uuid`, of a classifier `label` and `confidence`, `similarity` (cosine, -1 to 1) and `file`; the
            most similar first, and by `uuid` where several are alike.

        Raises:
            InputError: The wanted embedding is of zeros, or a file is damaged.
        """
        if not any(wanted.embedding):
            fix = "Take another image."
            raise InputError(wanted.uuid or "the image", "its embedding is all zeros: nothing is similar.", fix=fix)
        statement = NEAREST.format(
            columns=", ".join([UUID, *([LABEL, CONFIDENCE] if self._embeddings.has_labels else [])]),
            embedding=EMBEDDING,
            dimensions=self._embeddings.dimensions,
            similarity=SIMILARITY,
            file=FILE,
            uuid=UUID,
            relation=self._embeddings.relation,
        )
        query = [float(number) for number in wanted.embedding]
        return self._ask(statement, {"query": query, "itself": wanted.uuid, "count": count})

    def _ask(self, statement: str, values: dict[str, object]) -> pa.Table:
        memory_mb = database_memory(self._memory_mb)
        with connect(Path(gettempdir()), memory_mb=memory_mb, threads=self._threads) as connection:
            try:
                return connection.sql(statement, params=values).to_arrow_table()
            except duckdb.Error as error:
                reason = str(error).partition("\n")[0]
                fix = "Delete the damaged file, and make it anew."
                raise InputError(self._embeddings.files[0].parent, f"cannot be read: {reason}", fix=fix) from None


def write_answer(target: Path, answer: pa.Table) -> None:
    """Write what was found as the suffix of the file says: Parquet, CSV or a JSON list of objects.

    Raises:
        InputError: The suffix is unknown.
    """
    check_suffix(target)
    if target.suffix == ".parquet":
        write_table(target, answer)
    elif target.suffix == ".csv":
        with atomic_path(target) as temporary:
            pyarrow.csv.write_csv(answer, temporary)
    else:
        write_text(target, json.dumps(answer.to_pylist(), ensure_ascii=False, indent=1) + "\n")


def check_suffix(target: Path) -> None:
    """Refuse a file of an unknown format, before there is any work.

    Raises:
        InputError: The suffix is unknown.
    """
    if target.suffix not in SUFFIXES:
        raise InputError(target, "the format is unknown.", fix=f"Let the name end in one of: {', '.join(SUFFIXES)}.")
