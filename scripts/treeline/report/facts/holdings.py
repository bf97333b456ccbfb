"""What the catalogue holds, and what each stage has on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from treeline.report.facts.collection import OWN_LOGS, Collection, Rows, read_footer


def measure_catalog(collection: Collection) -> Rows:
    """Make the table `catalog`: rows of each table, and images of each source that was ingested.

    Raises:
        InputError: A table of the catalogue cannot be read.
    """
    folder = collection.paths.catalog_tables
    rows: Rows = [
        {"kind": "table", "name": table.stem, "rows": read_footer(table).num_rows}
        for table in sorted(folder.glob("*.parquet"))
    ]
    ingests = "SELECT name, images FROM read_parquet(?) ORDER BY ingest"
    sources = collection.ask(ingests, [folder / "ingests.parquet"])
    return rows + [{"kind": "source", "name": row["name"], "rows": row["images"]} for row in sources]


def measure_disk(collection: Collection) -> Rows:
    """Make the table `disk`: files and bytes of each stage that has some.

    A file with several names, as the spool gives them, counts once. Bytes are those that the files hold, not the
    blocks that they take.
    """
    structure, root = collection.paths.structure, collection.paths.root
    places = {
        "urls": (structure.urls_folder,),
        "download": (
            *(structure.images_folder, structure.schedules_folder, structure.profiles_table, structure.ignored_table),
            structure.inner_checkpoint_file,
        ),
        "tools": (structure.tools_folder,),
        "decode": (structure.decoded_folder,),
        "detect": (structure.detections_folder,),
        "lookup": (structure.lookup_folder,),
        "extract": (structure.extracted_folder,),
        "catalog": (structure.catalog_folder,),
        "datasets": (structure.datasets_folder,),
        "models": (structure.models_folder, structure.embeddings_folder),
        "logs": (structure.logs_folder,),
    }
    left_out = {collection.paths.logs / folder for folder in OWN_LOGS}
    rows: Rows = []
    for stage, names in places.items():
        sizes = [size for name in names for size in _sizes(root / name, left_out, set())]
        if sizes:
            rows.append({"stage": stage, "files": len(sizes), "bytes": sum(sizes)})
    return rows


def _sizes(path: Path, left_out: set[Path], seen: set[tuple[int, int]]) -> Iterator[int]:
    """Bytes of each file at or below a path; of several names of one file, of the first."""
    if path.is_file():
        yield path.stat().st_size
        return
    folders = [path] if path.is_dir() else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if Path(entry) not in left_out:
                        folders.append(Path(entry))
                elif entry.is_file(follow_symlinks=False):
                    facts = entry.stat()
                    key = facts.st_dev, facts.st_ino
                    if facts.st_nlink == 1:
                        yield facts.st_size
                    elif key not in seen:
                        seen.add(key)
                        yield facts.st_size
