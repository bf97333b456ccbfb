"""`treeline extract`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.ranks import RanksOption, open_ranks

app = typer.Typer(no_args_is_help=True)

Manifest = Annotated[Path, typer.Option(help="The group's lookup manifest.")]
Folder = Annotated[Path, typer.Option(help="Folder of the group's extracted batches.")]


@app.command()
def batch(
    lookup: Annotated[Path, typer.Option(help="Lookup table: Parquet with uuid, path and any other columns.")],
    root: Annotated[Path, typer.Option(help="Folder that the table's paths start from: path_to_output.")],
    output: Annotated[Path, typer.Option(help="Folder of the parts; replaced as a whole.")],
    report: Annotated[Path, typer.Option(help="CSV of the counts: asked, found, missing, duplicates.")],
    missing: Annotated[Path, typer.Option(help="CSV of the rows that were not found, with the reason.")],
    max_rows: Annotated[int, typer.Option(min=1, help="Most images in a part.")] = 1024,
    max_bytes: Annotated[int, typer.Option(min=1, help="Most image bytes in a part.")] = 1024**3,
    memory_mb: Annotated[int, typer.Option(min=128, help="Memory in MiB for the lookup table.")] = 512,
    ranks: RanksOption = 1,
    log: LogOption = None,
) -> None:
    """Write the images that a lookup table asks for."""
    from treeline.extract.batch import Limits, extract_batch

    limits = Limits(max_rows, max_bytes)
    with open_ranks(ranks) as workers:
        if workers is not None:
            extract_batch(lookup, root, output, report, missing, limits=limits, memory_mb=memory_mb, ranks=workers)


@app.command()
def group(
    manifest: Manifest,
    folder: Folder,
    output: Annotated[Path, typer.Option(help="CSV of the counts of every batch.")],
    root: Annotated[Path, typer.Option(help="Folder that the lookup table's paths start from: path_to_output.")],
    urls: Annotated[Path, typer.Option(help="Folder of the URL batches, which say whose the images are.")],
    memory_mb: Annotated[int, typer.Option(min=512, help="Memory of the job in MiB.")] = 2048,
    threads: Annotated[int, typer.Option(min=1, help="Number of threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Report on all batches of a group and credit its images, and remove batches that its lookup no longer has."""
    from treeline.extract.group import credit_group, report_group

    report_group(manifest, folder, output)
    credit_group(manifest, folder, root, urls, memory_mb=memory_mb, threads=threads)


@app.command()
def categories(
    manifest: Manifest,
    folder: Folder,
    rules: Annotated[Path, typer.Option(help="YAML file of the categories.")],
    output: Annotated[Path, typer.Option(help="CSV of the files that were written: category, file, records.")],
    max_records: Annotated[int, typer.Option(min=1, help="Most records in a file.")] = 1500,
    log: LogOption = None,
) -> None:
    """Write a group's images by category."""
    from treeline.extract.categories import write_categories

    write_categories(manifest, folder, rules, output, max_records=max_records)
