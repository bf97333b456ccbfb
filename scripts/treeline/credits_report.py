"""`treeline credits`: the credits of a subset, written or printed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from treeline.console import open_console, print_counts
from treeline.io.credits.subsets import stage_collection, stage_subset
from treeline.io.credits.table import Counts
from treeline.io.credits.write import Stage, write_credits
from treeline.paths import Paths

LINES_SHOWN = 24


def report_credits(
    what: Path | None,
    paths: Paths,
    outputs: Sequence[Path],
    unlicensed: Path | None,
    *,
    memory_mb: int,
    threads: int,
) -> None:
    """Write the credits of a subset, or print the first of them; say how many images lack what.

    Args:
        what: The subset, as in `stage_subset`; None for the whole collection.
        paths: Where the collection lies.
        outputs: Files to write, as in `write_credits`; none to print.
        unlicensed: Table of what is lacking; by default beside the first output, and named after it.
        memory_mb: Memory to work in, in MiB.
        threads: Number of threads.

    Raises:
        InputError: As in `stage_subset` and `write_credits`.
    """
    stage: Stage = partial(stage_collection, paths=paths) if what is None else partial(stage_subset, what=what)
    if outputs:
        lacking = unlicensed or outputs[0].with_suffix(".unlicensed.csv")
        counts = write_credits(stage, paths.root, paths.urls, outputs, lacking, memory_mb=memory_mb, threads=threads)
        print("Written:", *outputs, lacking)
    else:
        with TemporaryDirectory(prefix="treeline-credits-") as folder:
            text, lacking = Path(folder) / "credits.txt", unlicensed or Path(folder) / "unlicensed.csv"
            counts = write_credits(stage, paths.root, paths.urls, [text], lacking, memory_mb=memory_mb, threads=threads)
            _print_first_lines(text)
    _print_counts(counts)


def _print_first_lines(text: Path) -> None:
    with text.open(encoding="utf-8") as file:
        for line in islice(file, LINES_SHOWN):
            print(line, end="")
        if rest := sum(1 for _ in file):
            print(f"... and {rest:,} more lines: a file has all (--out credits.md)\n")


def _print_counts(counts: Counts) -> None:
    if again := counts.rows - counts.images:
        open_console().print(f"{again:,} of {counts.rows:,} rows name an image again.")
    print_counts("", ("lacks", "images"), [("nothing", counts.complete), *counts.lacking.items()])
