"""Write the example's input tables, as a GBIF download has them, and what must come of them.

    python -m resources.example.make_tables

The files are committed: `multimedia.csv` (a row an image), `occurrence.csv` (a row an occurrence), `expected.json`, and
`photos.csv`, a small table as somebody would write it by hand. They are the same bytes every time.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from resources.example.collection import FIRST_PORT, occurrences
from resources.example.expected import expected
from resources.example.records import (
    MULTIMEDIA_COLUMNS,
    OCCURRENCE_COLUMNS,
    OWN_COLUMNS,
    Record,
    multimedia_record,
    occurrence_record,
    own_records,
)
from resources.example.unusable import CITATION, unusable_rows
from treeline.io.atomic import write_text


def make_tables(folder: Path, first_port: int = FIRST_PORT) -> None:
    """Write the tables for servers that listen from `first_port` on."""
    collected = occurrences()
    usable = [
        multimedia_record(occurrence, photo, first_port) for occurrence in collected for photo in occurrence.photos
    ]
    unusable = unusable_rows(usable)
    described = [occurrence_record(occurrence) for occurrence in collected]
    write_text(folder / "multimedia.csv", to_csv([*usable, *(row.record for row in unusable)], MULTIMEDIA_COLUMNS))
    write_text(folder / "occurrence.csv", to_csv([*described, described[0] | CITATION], OCCURRENCE_COLUMNS))
    write_text(folder / "expected.json", json.dumps(expected(collected, unusable), indent=2) + "\n")
    write_text(folder / "photos.csv", to_csv(own_records(usable), OWN_COLUMNS))


def to_csv(records: Iterable[Record], columns: Sequence[str]) -> str:
    """Write records as CSV with a header line."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="Write the example's input tables and the expected counts.")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="default: where this script is")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT, help="of the servers; default: %(default)s")
    arguments = parser.parse_args()
    make_tables(arguments.folder, arguments.first_port)


if __name__ == "__main__":
    main()
