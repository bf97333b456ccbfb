"""Which image is which, whatever it is called: SHA-256 of files."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from treeline.detections.image_files import find_files
from treeline.errors import InputError
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.names import IMAGE_SUFFIXES
from treeline.io.parquet import sha256_of_file

COLUMNS = ("file", "sha256")
SHA256 = re.compile(r"[0-9a-f]{64}")


def write_hashes(folder: Path, target: Path) -> int:
    """Write a CSV with a row for each image of a folder: its path in the folder, and its SHA-256.

    Returns:
        Number of images.
    """
    hashes = _hash_folder(folder)
    write_text(target, csv_text(COLUMNS, hashes.items()))
    return len(hashes)


def read_hashes(source: Path) -> dict[str, str]:
    """Read or make a table of hashes.

    Args:
        source: CSV of `write_hashes`, or a folder, whose images are read.

    Returns:
        SHA-256 by relative path, sorted by path.

    Raises:
        InputError: There is no such file or folder, or it is no such table; names the row and the column.
    """
    return _hash_folder(source) if source.is_dir() else _read_table(source)


def _hash_folder(folder: Path) -> dict[str, str]:
    return {name: sha256_of_file(folder / name) for name in find_files(folder, IMAGE_SUFFIXES)}


def _read_table(source: Path) -> dict[str, str]:
    hashes: dict[str, str] = {}
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            for column in COLUMNS:
                if column not in (table.fieldnames or ()):
                    raise InputError(source, "the column is missing.", field=column)
            for number, row in enumerate(table, start=1):
                name, sha256 = row["file"], (row["sha256"] or "").lower()
                if not SHA256.fullmatch(sha256):
                    raise InputError(source, f"{sha256!r} is no SHA-256.", row=number, field="sha256")
                if not name or hashes.setdefault(name, sha256) != sha256:
                    problem = f"{name!r} has another hash in an earlier row." if name else "is empty."
                    raise InputError(source, problem, row=number, field="file")
    except FileNotFoundError:
        raise InputError(source, "no such file or folder.", fix="Check the path.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(source, f"cannot be read as CSV ({error}).") from None
    return dict(sorted(hashes.items()))
