"""Which files make up the input: needed by the rules too, and so free of heavy imports."""

from __future__ import annotations

from pathlib import Path

from treeline.errors import InputError

DELIMITED_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
COMPRESSION_SUFFIXES = (".gz", ".zst")
ARCHIVE_SUFFIX = ".zip"


def input_files(pattern: str) -> list[Path]:
    """List the files of an input, sorted by path.

    Args:
        pattern: A file, a folder (its tables at any depth, hidden ones aside), or a glob pattern.

    Raises:
        InputError: There is no such file, or no table in the folder.
    """
    path = Path(pattern)
    if path.is_dir():
        files = [file for file in path.rglob("*") if is_table(file) and not _is_hidden(file.relative_to(path))]
    elif path.exists():
        files = [path]
    else:
        files = [file for file in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if file.is_file()]
    if not files:
        expected = ", ".join((*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES))
        raise InputError(pattern, f"no table found ({expected}).", fix="Check path_to_input.")
    return sorted(files)


def is_table(file: Path) -> bool:
    """Whether a file's name says that it is a table: delimited text, compressed or not, or Parquet."""
    return file.is_file() and table_suffix(file) in (*DELIMITED_SUFFIXES, *PARQUET_SUFFIXES)


def table_suffix(file: Path) -> str:
    """The suffix that tells a file's format, lower case: `.csv` for `urls.CSV.gz`."""
    name = file.name.lower()
    for compression in COMPRESSION_SUFFIXES:
        name = name.removesuffix(compression)
    return Path(name).suffix


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts)
