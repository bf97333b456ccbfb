"""Where a set's images are, and their bytes, one at a time in the order in which they are best read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from treeline.catalog.exports.rows import ROWS_AT_ONCE, stream_rows
from treeline.catalog.training.choice import drop
from treeline.errors import ImageError, InputError
from treeline.io.database import quote_path
from treeline.io.image_sources import LoadedImage, Place, list_images, load_from

NOT_FOUND = "not among the images given"

PLACES = pa.schema(
    {
        "dataset": pa.string(),
        "name": pa.string(),
        "path": pa.string(),
        "kind": pa.string(),
        "order": pa.int64(),
    }
)
OUTCOMES = pa.schema({"id": pa.int64(), "width": pa.int32(), "height": pa.int32(), "problem": pa.string()})


@dataclass(frozen=True)
class ImageSource:
    """Images on the disk.

    Args:
        path: A folder, an archive, or a download shard.
        dataset: Whose they are; None where they may be of any.
    """

    path: Path
    dataset: str | None


class Located(NamedTuple):
    """An image of the set with where it is.

    Args:
        id: As in `training_images`.
        dataset: Its data set.
        file: Its name there.
        name: As its folder, archive or shard calls it.
        place: Where it is.
    """

    id: int
    dataset: str
    file: str
    name: str
    place: Place


class _Placed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def place(self) -> Place: ...


HasPlace = TypeVar("HasPlace", bound=_Placed)


class Outcome(NamedTuple):
    """What came of an image: its upright size in pixels, or why it cannot be used."""

    id: int
    width: int | None
    height: int | None
    problem: str | None


def locate(connection: duckdb.DuckDBPyConnection, sources: Sequence[ImageSource], output: Path) -> None:
    """Make the table `located` of the places of all images, and drop those that are nowhere.

    An image is found by its `file`, by `<dataset>/<file>`, or by its uuid, which is the name of its file or row then.

    Args:
        connection: With `training_images`.
        sources: Where to look.
        output: Is not looked into.

    Raises:
        InputError: A source is none, an image is in two places, or a place is that of two images.
        ShardError: An archive or shard is damaged.
    """
    columns = '"dataset" VARCHAR, name VARCHAR, path VARCHAR, kind VARCHAR, "order" BIGINT'
    connection.execute(f"CREATE OR REPLACE TEMP TABLE places ({columns})")
    for lot in _place_lots(sources, output):
        connection.register("place_lot", lot)
        connection.execute("INSERT INTO places BY NAME SELECT * FROM place_lot")
        connection.unregister("place_lot")
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE located AS
        WITH wanted AS (SELECT id, dataset, file, uuid FROM training_images WHERE dropped IS NULL),
        named AS (
            SELECT id, dataset, file AS name FROM wanted UNION SELECT id, dataset, dataset || '/' || file FROM wanted
        ), found AS (
            SELECT id, place.* EXCLUDE (dataset)
            FROM named JOIN places AS place USING (name)
            WHERE place.dataset IS NULL OR place.dataset = named.dataset
            UNION
            SELECT id, place.* EXCLUDE (dataset)
            FROM wanted JOIN places AS place ON wanted.uuid = regexp_extract(place.name, '([^/.]*)(\\.[^/.]*)?$', 1)
            WHERE wanted.uuid <> '' AND (place.dataset IS NULL OR place.dataset = wanted.dataset)
        )
        SELECT * FROM found
    """)
    _refuse_doubt(connection)
    drop(connection, NOT_FOUND, "id NOT IN (SELECT id FROM located)")


def stream_located(connection: duckdb.DuckDBPyConnection, condition: str = "true") -> Iterator[Located]:
    """Read `located` in the order of the places; the connection must not be used in between."""
    query = f"""
        SELECT id, dataset, file, name, path, kind
        FROM located JOIN training_images USING (id)
        WHERE coalesce({condition}, false)
        ORDER BY "order"
    """
    for id, dataset, file, name, path, kind in stream_rows(connection, query):
        yield Located(id, dataset, file, name, Place(path, kind))


def load_located(located: Iterable[HasPlace]) -> Iterator[tuple[HasPlace, LoadedImage]]:
    """Read images, each archive and shard once.

    Args:
        located: In the order of the places.

    Raises:
        ShardError: An archive or shard is damaged.
    """
    for place, group in groupby(located, key=lambda one: one.place):
        wanted = {one.name: one for one in group}
        for image in load_from(place, set(wanted)):
            yield wanted[image.name], image


@contextmanager
def outcomes(connection: duckdb.DuckDBPyConnection, scratch: Path) -> Iterator[Callable[[Outcome], None]]:
    """Collect what came of images on the disk, and at the end put it into `training_images`."""
    file = scratch / "outcomes.parquet"
    lot: list[Outcome] = []
    with pq.ParquetWriter(file, OUTCOMES) as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist([one._asdict() for one in lot], schema=OUTCOMES))
            lot.clear()

        def add(outcome: Outcome) -> None:
            lot.append(outcome)
            if len(lot) >= ROWS_AT_ONCE:
                flush()

        yield add
        flush()
    connection.execute(f"""
        UPDATE training_images AS image
        SET width = coalesce(come.width, image.width), height = coalesce(come.height, image.height), dropped = problem
        FROM read_parquet({quote_path(file)}) AS come
        WHERE image.id = come.id
    """)
    file.unlink()


def _place_lots(sources: Sequence[ImageSource], output: Path) -> Iterator[pa.Table]:
    rows: list[dict[str, object]] = []
    number = 0
    for source in sources:
        for name, place in list_images(source.path, output):
            number += 1
            entry = {"dataset": source.dataset, "name": name, "path": str(place.path), "kind": place.kind}
            rows.append({**entry, "order": number})
            if len(rows) >= ROWS_AT_ONCE:
                yield pa.Table.from_pylist(rows, schema=PLACES)
                rows.clear()
    yield pa.Table.from_pylist(rows, schema=PLACES)


def _refuse_doubt(connection: duckdb.DuckDBPyConnection) -> None:
    twice = connection.execute("""
        SELECT dataset, file, list(path ORDER BY "order")
        FROM located JOIN training_images USING (id)
        GROUP BY id, dataset, file HAVING count(*) > 1 ORDER BY id LIMIT 1
    """).fetchone()
    if twice is not None:
        dataset, file, paths = twice
        fix = "Which one is meant cannot be told: leave one out, or say whose images they are: --images DATASET=PATH."
        raise InputError(paths[0], f"{file} of {dataset} is also in {paths[1]}.", fix=fix)
    shared = connection.execute("""
        SELECT any_value(path), any_value(name), list(dataset ORDER BY dataset)
        FROM located JOIN training_images USING (id)
        GROUP BY "order" HAVING count(*) > 1 ORDER BY "order" LIMIT 1
    """).fetchone()
    if shared is not None:
        path, name, datasets = shared
        fix = "Say whose images they are: --images DATASET=PATH."
        raise InputError(path, f"{name} may be of {' or of '.join(datasets)}.", fix=fix)


def read_size(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded image, upright, in pixels.

    Raises:
        ImageError: It is no image.
    """
    from treeline.io.images import read_header

    height, width = read_header(data).upright_size
    if min(height, width) < 1:
        raise ImageError("has no pixels")
    return width, height
