"""`treeline catalog split` and `treeline catalog leakage`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from treeline.catalog.cli_options import CatalogArgument, MemoryOption, ThreadsOption
from treeline.logs import LogOption

ReportOption = Annotated[Path | None, typer.Option(help="Target of the whole report: .csv, .json or .parquet.")]
Share = Annotated[float, typer.Option(min=0, max=1, help="Share of the images, boxes and labels.")]

SUMMARY = """
    SELECT
        if(measure = 'label', 'labels', measure) AS measure,
        if(measure = 'label', count(DISTINCT label) FILTER (train > 0), sum(train)) AS train,
        if(measure = 'label', count(DISTINCT label) FILTER (val > 0), sum(val)) AS val,
        if(measure = 'label', count(DISTINCT label) FILTER (test > 0), sum(test)) AS test,
        if(measure = 'label', NULL, round(sum(train) / sum(train + val + test), 4)) AS train_share,
        if(measure = 'label', NULL, round(sum(val) / sum(train + val + test), 4)) AS val_share,
        if(measure = 'label', NULL, round(sum(test) / sum(train + val + test), 4)) AS test_share
    FROM split_report
    GROUP BY measure
    ORDER BY list_position(['images', 'boxes', 'locations', 'labels'], measure)
"""
"""Over all data sets; of the labels, how many each split has."""

LEAKS = 1
"""Exit code of `leakage` when it finds some."""


def split(
    catalog: CatalogArgument,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this data set, and its sibling; repeatable. [default: all]")
    ] = None,
    train: Share = 0.8,
    val: Share = 0.1,
    test: Share = 0.1,
    seed: Annotated[int, typer.Option(help="Another one draws other splits.")] = 0,
    report: ReportOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Give each location that has none a split: train, val or test. None that has one is moved."""
    from treeline.catalog.answer_files import write_answer
    from treeline.catalog.answers import show_answer
    from treeline.catalog.database import open_to_read, read_sql
    from treeline.catalog.splits import draw_splits

    shares = (train, val, test)
    drawn = draw_splits(catalog, dataset or (), shares=shares, seed=seed, memory_mb=memory_mb, threads=threads)
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection:
        connection.execute(read_sql("split_report.sql"))
        if report is not None:
            write_answer(connection, "FROM split_report", report)
        show_answer(connection, SUMMARY)
    typer.echo(f"{catalog}: {drawn:,} locations got a split")


def leakage(
    catalog: CatalogArgument,
    hashes: Annotated[
        Path | None, typer.Option(help="tools/near_duplicates/findings: compare what images look like, too.")
    ] = None,
    most_bits: Annotated[
        int, typer.Option(min=0, max=31, help="Most of the 256 bits in which two hashes of a picture differ.")
    ] = 31,
    least_quality: Annotated[
        int, typer.Option(min=0, max=100, help="Images of lower quality have too little in them to be compared.")
    ] = 50,
    report: ReportOption = None,
    memory_mb: MemoryOption = 2048,
    threads: ThreadsOption = 2,
    log: LogOption = None,
) -> None:
    """Check that no location, sequence or look is in two splits; ends with 1 if one is."""
    import duckdb

    from treeline.catalog.answer_files import write_answer
    from treeline.catalog.answers import show_answer
    from treeline.catalog.database import open_to_read
    from treeline.catalog.leakage import find_leaks
    from treeline.catalog.reading import as_query_error

    answer = 'FROM leaks ORDER BY "check", shared, first, second, first_split, second_split'
    limits = {"most_bits": most_bits, "least_quality": least_quality, "threads": threads}
    with open_to_read(catalog, memory_mb=memory_mb, threads=threads) as connection:
        try:
            found = dict(find_leaks(connection, hashes, **limits))
        except duckdb.Error as error:
            raise as_query_error(error) from None
        if report is not None:
            write_answer(connection, answer, report)
        if any(found.values()):
            show_answer(connection, answer)
    for check, count in found.items():
        typer.echo(f"{check}: {count:,} in two splits")
    if any(found.values()):
        logging.getLogger("treeline").error("%s: what is tested on is known from training", catalog)
        raise typer.Exit(LEAKS)
