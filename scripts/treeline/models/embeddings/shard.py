"""Embed all images of one shard, and go on where an earlier run was stopped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from treeline import __version__
from treeline.choices import MAX_PIXELS
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.finished_batches import BatchFiles
from treeline.io.parquet import cut_tables, parquet_writer, sha256_of_file
from treeline.io.shard_sources import batches, content_sha256, read_images
from treeline.models.embeddings.embedder import DOES_NOT_FIT, REASON, UUID, Embedder

log = logging.getLogger(__name__)

ROW_GROUP_ROWS = 4096
MODEL_SHA256, MODEL_FACTS = "model_sha256", "model_facts"
"""Keys of the metadata of a Parquet file of embeddings."""


@dataclass
class EmbedReport:
    """Counts of one run: images of the shard = embedded + rejected; `resumed` of them came from an earlier run."""

    embedded: int = 0
    resumed: int = 0
    rejected: list[tuple[str, str]] = field(default_factory=list)
    """Uuid and reason, in the shard's order."""


def rejected_of(target: Path) -> Path:
    """The CSV of images without an embedding, beside the Parquet file of the others."""
    return target.with_name(f"{target.stem}.rejected.csv")


def embed_shard(
    source: Path,
    target: Path,
    *,
    model: Path,
    batch_size: int = 32,
    max_pixels: int = MAX_PIXELS,
    threads: int = 1,
) -> EmbedReport:
    """Write the embedding of every image of a shard, in the shard's order.

    Args:
        source: The images, as `treeline.io.shard_sources.read_images` takes them.
        target: Parquet of `Embedder.schema` without `reason`; `rejected_of` it has the images without an embedding.
            Its metadata has `treeline.model_sha256` and `treeline.model_facts`, a JSON of `ModelFacts`.
        model: An ONNX file that Treeline has exported.
        batch_size: Images that the model sees at once.
        max_pixels: Largest height x width that is decoded; a larger image is rejected.
        threads: CPU threads.

    Raises:
        ShardError: `source` is no shard.
        InputError: `model` is no exported model, or does not run.
    """
    content = content_sha256(source)
    embedder = Embedder(model, threads=threads, max_pixels=max_pixels)
    facts = {MODEL_SHA256: sha256_of_file(model), MODEL_FACTS: embedder.facts.to_json()}
    key = (__version__, facts[MODEL_SHA256], batch_size, max_pixels, content)
    state = BatchFiles(target.with_name(f"{target.name}.partial"), key, ".arrow")
    report = EmbedReport()
    tables = _embed_batches(source, batch_size, embedder, state, report)
    schema = embedder.schema.remove(embedder.schema.get_field_index(REASON))
    with parquet_writer(target, schema, facts) as writer:
        for table in cut_tables(tables, ROW_GROUP_ROWS):
            writer.write_table(table)
        _check_channels(model, embedder, report)
        write_text(rejected_of(target), csv_text((UUID, REASON), report.rejected))
    state.remove()
    log.info(
        "%s: %d images, %d rejected; %d images were done by an earlier run",
        *(target, report.embedded + len(report.rejected), len(report.rejected), report.resumed),
    )
    return report


def _embed_batches(
    source: Path, batch_size: int, embedder: Embedder, state: BatchFiles, report: EmbedReport
) -> Iterator[pa.Table]:
    """Embedded rows of each batch, without their `reason`; the others go to the report."""
    for number, batch in enumerate(batches(read_images(source), batch_size)):
        kept = state.read(number)
        if kept is None:
            table = embedder.embed(batch)
            state.write(number, _to_bytes(table))
        else:
            table = pa.ipc.open_stream(kept).read_all()
            report.resumed += table.num_rows
        is_embedded = pc.is_null(table[REASON])
        rejected = table.filter(pc.invert(is_embedded))
        report.rejected += zip(rejected[UUID].to_pylist(), rejected[REASON].to_pylist(), strict=True)
        embedded = table.filter(is_embedded).drop_columns(REASON)
        report.embedded += embedded.num_rows
        yield embedded


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _check_channels(model: Path, embedder: Embedder, report: EmbedReport) -> None:
    """A model for other images than these is the user's mistake, and not one of each image."""
    first = next((reason for _, reason in report.rejected if reason.startswith(DOES_NOT_FIT)), None)
    if not report.embedded and first is not None:
        fix = f"It was trained on images of {', '.join(embedder.facts.channels)}: take one that fits."
        raise InputError(model, f"no image of the shard can be embedded: the first {first}.", fix=fix)
