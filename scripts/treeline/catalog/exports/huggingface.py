"""A folder that `datasets.load_dataset` of Hugging Face loads, with a dataset card.

    README.md                        the card (`dataset_card.py`)
    data/<split>-00000.parquet, ...  a row an image, the encoded image in it
    dropped.csv                      what was asked for and is not in it

Parquet with the images inside, because that is how the Hub keeps image datasets of any size: a few files rather than
millions, and read in a stream. (https://huggingface.co/docs/datasets/image_dataset, `Parquet`.)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from treeline.catalog.exports.dataset_card import write_card
from treeline.catalog.exports.rows import stream_rows
from treeline.catalog.training.choice import SPLITS, Choice, check_splits, new_set, reasons
from treeline.catalog.training.images import ImageSource, Outcome, load_located, locate, outcomes, read_size
from treeline.errors import ImageError
from treeline.io.image_sources import Place

log = logging.getLogger(__name__)

GROUP_ROWS = 100
FILE_ROWS = 1000
"""Rows of a file: of photos of 0.5 MB, the 500 MB that the Hub recommends."""

_TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "dataset": pa.string(),
        "file": pa.string(),
        "location": pa.string(),
        "seq_id": pa.string(),
        "frame_num": pa.int64(),
        "datetime": pa.string(),
        "class": _TEXTS,
        "objects": pa.struct(
            {"bbox": pa.list_(pa.list_(pa.float64())), "category": _TEXTS, "confidence": pa.list_(pa.float64())}
        ),
        "width": pa.int32(),
        "height": pa.int32(),
        "uuid": pa.string(),
        "license": pa.string(),
        "rights_holder": pa.string(),
    }
)
"""`objects` is null where nobody looked for boxes, and holds empty lists where somebody found none."""

ROWS = """
    SELECT
        id, image.dataset, file, location, seq_id, frame_num, strftime(time, '%Y-%m-%d %H:%M:%S') AS datetime,
        labels AS class,
        CASE WHEN objects IS NOT NULL THEN objects WHEN annotated THEN
            {{bbox: []::DOUBLE[][], category: []::VARCHAR[], confidence: []::DOUBLE[]}}
        END AS objects,
        width, height, uuid, license, rights_holder, split, {place}
    FROM training_images AS image
    LEFT JOIN (
        SELECT
            id,
            {{
                bbox: list([x_min, y_min, width, height] ORDER BY number),
                category: list(category ORDER BY number),
                confidence: list(confidence ORDER BY number)
            }} AS objects
        FROM training_boxes
        GROUP BY id
    ) USING (id)
    {located}
    WHERE dropped IS NULL
    ORDER BY {order}
"""
LOCATED = {"place": "name, path, kind", "located": "JOIN located USING (id)", "order": '"order"'}
NOT_LOCATED = {"place": "NULL, NULL, NULL", "located": "", "order": "id"}


@dataclass(frozen=True)
class HuggingFaceOptions:
    """How the folder is made.

    Args:
        choice: Of which images and boxes.
        sources: Where the images are; none for a dataset without its images.
        title: Of the card.
    """

    choice: Choice
    sources: Sequence[ImageSource]
    title: str


class Row(NamedTuple):
    """An image as it goes into the dataset; `id` and `split` are not columns."""

    id: int
    split: str
    facts: dict[str, Any]
    name: str
    place: Place


def export(catalog: Path, output: Path, options: HuggingFaceOptions, *, memory_mb: int, threads: int) -> dict[str, int]:
    """Write the folder.

    Args:
        catalog: The database.
        output: Folder; replaced as a whole, or not at all.
        options: How.
        memory_mb: Memory of the job in MiB.
        threads: Number of threads.

    Returns:
        Images that are left out, by reason.

    Raises:
        CatalogError: The catalogue cannot be opened.
        InputError: The lookup table is refused, a data set was never split, an image is in two places, or `output`
            holds other things.
        ShardError: An archive of images is damaged.
    """
    limits = {"memory_mb": memory_mb, "threads": threads}
    with new_set(catalog, output, "README.md", options.choice, **limits) as (connection, folder):
        check_splits(connection)
        _warn_of_private(connection)
        if options.sources:
            locate(connection, options.sources, output)
        with outcomes(connection, folder) as add:
            for outcome in _write(connection, folder / "data", with_images=bool(options.sources)):
                add(outcome)
        write_card(connection, folder, options.title, options.choice.lookup)
        return reasons(connection)


def _warn_of_private(connection: duckdb.DuckDBPyConnection) -> None:
    private = connection.execute("""
        SELECT dataset, count(*)
        FROM training_images JOIN datasets USING (dataset)
        WHERE dropped IS NULL AND NOT list_contains(access, 'public')
        GROUP BY dataset
        ORDER BY dataset
    """).fetchall()
    for dataset, images in private:
        log.warning("%d images are of %s, which is not public: ask its owners before you publish them", images, dataset)


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, *, with_images: bool) -> Iterator[Outcome]:
    folder.mkdir()
    with ExitStack() as stack:
        files = {split: stack.enter_context(_RollingParquet(folder, split, with_images)) for split in SPLITS}
        rows = _rows(connection, with_images)
        if not with_images:
            for row in rows:
                files[row.split].add(row.facts)
            return
        for row, image in load_located(rows):
            try:
                width, height = read_size(image.data)
            except ImageError as error:
                yield Outcome(row.id, None, None, f"cannot be read: {error}")
                continue
            picture = {"bytes": image.data, "path": row.facts["file"]}
            files[row.split].add({**row.facts, "image": picture, "width": width, "height": height})
            yield Outcome(row.id, width, height, None)


def _rows(connection: duckdb.DuckDBPyConnection, with_images: bool) -> Iterator[Row]:
    names = [name for name in SCHEMA.names if name != "image"]
    for id, *facts, split, name, path, kind in stream_rows(
        connection, ROWS.format_map(LOCATED if with_images else NOT_LOCATED)
    ):
        yield Row(id, split, dict(zip(names, facts, strict=True)), name, Place(path or "", kind))


class _RollingParquet:
    """Writes rows into `<split>-00000.parquet`, `<split>-00001.parquet`, ...

    A split without rows has no file: `datasets` cannot load an empty one.
    """

    def __init__(self, folder: Path, split: str, with_images: bool) -> None:
        self.folder, self.split = folder, split
        schema = SCHEMA if with_images else SCHEMA.remove(0)
        self._schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": _features(schema)}})})
        self._rows: list[dict[str, Any]] = []
        self._files = self._written = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _RollingParquet:
        return self

    def add(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) >= GROUP_ROWS:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._close()

    def _flush(self) -> None:
        if self._writer is None:
            file = self.folder / f"{self.split}-{self._files:05d}.parquet"
            self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
            self._files += 1
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._written += len(self._rows)
        self._rows.clear()
        if self._written % FILE_ROWS == 0:
            self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _features(schema: pa.Schema) -> dict[str, Any]:
    """The columns as `datasets` describes them; without this it takes images for plain structures."""
    return {field.name: {"_type": "Image"} if field.name == "image" else _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "Sequence"}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}
