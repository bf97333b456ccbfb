"""Ingest, killed at random: the catalogue opens, holds the old state or the new one, and takes the next ingest."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

from treeline.catalog.database import open_to_read
from treeline.catalog.ingest import ingest
from treeline.catalog.sources import Source

KILLS = 50
SEQUENCES = 300
FACTS = """
    SELECT seq_id, sequences.class, file, x_min
    FROM sequences JOIN images USING (sequence) LEFT JOIN boxes USING (image)
    ORDER BY ALL
"""


def write_sequences(file: Path, label: str) -> Source:
    """A source whose every fact tells which of the states it is of."""
    left = len(label) / 100
    sequences = [
        {
            "dataset": "night",
            "seq_id": f"{number}",
            "class": [label],
            "images": [
                {
                    "file": f"{label}/{number}/{frame}.jpg",
                    "frame_num": frame,
                    "bbox": [{"category": "animal", "bbox": [left, 0.1, 0.2, 0.2]}],
                }
                for frame in range(3)
            ],
        }
        for number in range(SEQUENCES)
    ]
    file.write_text(json.dumps(sequences))
    return Source("night", "megadb", file)


def run(catalog: Path, source: Source) -> None:
    ingest(catalog, source, memory_mb=1024, threads=2)


def facts(catalog: Path) -> list[tuple[Any, ...]]:
    with open_to_read(catalog, memory_mb=1024, threads=1) as connection:
        return connection.execute(FACTS).fetchall()


def test_killed_ingests_leave_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    sources = [write_sequences(tmp_path / f"{label}.json", label) for label in ("deer", "badger")]
    states, seconds = [], []
    for number, source in enumerate(sources):
        started = time.perf_counter()
        run(tmp_path / f"whole-{number}.duckdb", source)
        seconds.append(time.perf_counter() - started)
        states.append(facts(tmp_path / f"whole-{number}.duckdb"))
    catalog = tmp_path / "catalog.duckdb"
    run(catalog, sources[0])
    present, seen, random_moment = 0, {True: 0, False: 0}, random.Random(0)
    processes = multiprocessing.get_context("fork")
    for _ in range(KILLS):
        ingesting = processes.Process(target=run, args=(catalog, sources[1 - present]))
        ingesting.start()
        ingesting.join(random_moment.uniform(0, 1.2 * max(seconds)))
        was_killed = ingesting.is_alive()
        ingesting.kill()
        ingesting.join()
        found = facts(catalog)
        assert found in states, "neither the old state nor the new one"
        seen[was_killed] += 1
        if not was_killed:
            assert found == states[1 - present]
        present = states.index(found)
    assert seen[True] > 0
    for number in (1, 0):
        run(catalog, sources[number])
        assert facts(catalog) == states[number]
