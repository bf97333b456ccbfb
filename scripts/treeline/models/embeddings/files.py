"""Files of embeddings, of which all that are searched together are of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from treeline.errors import InputError
from treeline.io.database import quote_path
from treeline.io.parquet import METADATA_PREFIX, open_shard
from treeline.models.embeddings.embedder import EMBEDDING, LABEL, UUID
from treeline.models.embeddings.shard import MODEL_SHA256

FIX = "Make it with: treeline models embed --help."


@dataclass(frozen=True)
class EmbeddingFiles:
    """Files of one model.

    Args:
        files: Sorted by path; at least one.
        model_sha256: SHA-256 of the model's file.
        dimensions: Of an embedding.
        has_labels: Whether the model is a classifier.
    """

    files: tuple[Path, ...]
    model_sha256: str
    dimensions: int
    has_labels: bool

    @property
    def relation(self) -> str:
        """SQL that reads all rows, with the column `filename`."""
        listed = ", ".join(map(quote_path, self.files))
        return f"read_parquet([{listed}], filename = true, hive_partitioning = false)"


def find_embeddings(sources: Sequence[Path]) -> EmbeddingFiles:
    """Find files of embeddings, and check that they belong together.

    Args:
        sources: Files, and folders with files at any depth, hidden ones aside.

    Raises:
        InputError: A source is missing or holds none, a file is not of embeddings, or two are of different models.
        ShardError: A file is not a readable Parquet file, or lacks a column.
    """
    files = sorted({file for source in sources for file in _files_of(source)})
    first, *others = [_describe(file) for file in files]
    for other in others:
        if other.model_sha256 != first.model_sha256:
            fix = "Embeddings of two models cannot be compared: search those of one."
            raise InputError(other.files[0], f"is of another model than {first.files[0]}.", fix=fix)
    return EmbeddingFiles(tuple(files), first.model_sha256, first.dimensions, first.has_labels)


def _files_of(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    found = [file for file in source.rglob("*.parquet") if not _is_hidden(file.relative_to(source)) and file.is_file()]
    if not found:
        raise InputError(source, "holds no Parquet file of embeddings.", fix=FIX)
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _describe(file: Path) -> EmbeddingFiles:
    with open_shard(file, (UUID, EMBEDDING)) as opened:
        schema = opened.schema_arrow
    kind = schema.field(EMBEDDING).type
    sha256 = (schema.metadata or {}).get((METADATA_PREFIX + MODEL_SHA256).encode())
    if sha256 is None or not pa.types.is_fixed_size_list(kind):
        raise InputError(file, "is no file of embeddings, or does not say of which model.", fix=FIX)
    return EmbeddingFiles((file,), sha256.decode(), kind.list_size, LABEL in schema.names)
