"""Properties depend on what the catalogue is given, not on the order, the threads, or what was there before."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source

SEQUENCES = 60
MORE: dict[str, Any] = {"dataset": "nacti", "seq_id": "m", "class": ["deer"], "images": [{"file": "m.jpg"}]}
OF_DATASET, OF_SEQUENCE, OF_IMAGE = (
    {f"{level} {chance.randrange(1000)}": f"{number}" for number in range(9)}
    for level, chance in (("all", random.Random(1)), ("sequence", random.Random(2)), ("image", random.Random(3)))
)


def collection(chance: random.Random, prefix: str = "s") -> list[dict[str, Any]]:
    """Sequences with properties for each level, all of them said of each image, in an order that chance draws."""
    listed = []
    for number in range(SEQUENCES):
        images = []
        for frame in range(3):
            properties = {
                "location": number,
                **OF_DATASET,
                **{key: f"{number}" for key in OF_SEQUENCE},
                **{key: f"{frame}" for key in OF_IMAGE},
            }
            keys = chance.sample(sorted(properties), len(properties))
            image = {"file": f"{prefix}/{number}/{frame}.jpg", "frame_num": frame}
            images.append(image | {key: properties[key] for key in keys})
        chance.shuffle(images)
        listed.append({"dataset": "caltech", "seq_id": f"{prefix}{number}", "class": ["deer"], "images": images})
    chance.shuffle(listed)
    return listed


def take_in(catalog: Path, sequences: list[dict[str, Any]], threads: int, name: str = "it") -> None:
    source = catalog.with_name(f"{catalog.stem} {name}.json")
    source.write_text(json.dumps(sequences), encoding="utf-8")
    ingest(catalog, Source(name, "megadb", source), memory_mb=1024, threads=threads)


def said(catalog: Path) -> dict[str, list[tuple[str, str]]]:
    """The properties of all levels, as text."""
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return {
            table: connection.execute(query).fetchall()
            for table, query in {
                "datasets": "SELECT dataset, properties::VARCHAR FROM datasets ORDER BY ALL",
                "sequences": "SELECT seq_id, properties::VARCHAR FROM sequences ORDER BY ALL",
                "images": "SELECT file, properties::VARCHAR FROM images ORDER BY ALL",
            }.items()
        }


def test_keys_are_in_order(tmp_path: Path) -> None:
    take_in(tmp_path / "one.duckdb", collection(random.Random(0)), threads=1)
    one = said(tmp_path / "one.duckdb")
    assert one["datasets"] == [("caltech", json.dumps(dict(sorted(OF_DATASET.items())), separators=(",", ":")))]
    assert len(one["sequences"]) == SEQUENCES
    for text in (text for level in one.values() for _, text in level):
        assert list(json.loads(text)) == sorted(json.loads(text))
    take_in(tmp_path / "other.duckdb", collection(random.Random(5)), threads=4)
    assert said(tmp_path / "other.duckdb") == one


def test_what_moves_down_and_up_again_is_the_same(tmp_path: Path) -> None:
    """A second source that says nothing of it sends a data set's properties down; without it they come up again."""
    catalog = tmp_path / "catalog.duckdb"
    first, more = collection(random.Random(0)), [{**MORE, "dataset": "caltech"}]
    take_in(catalog, first, threads=2)
    alone = said(catalog)
    take_in(catalog, more, threads=2, name="more")
    both = said(catalog)
    assert both["datasets"] == [("caltech", None)]
    take_in(tmp_path / "other.duckdb", more, threads=2, name="more")
    take_in(tmp_path / "other.duckdb", first, threads=2)
    assert said(tmp_path / "other.duckdb") == both
    take_in(catalog, [MORE], threads=2, name="more")
    assert {
        level: [row for row in rows if row[0] not in ("nacti", "m", "m.jpg")] for level, rows in said(catalog).items()
    } == alone
