"""`treeline lookup`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.io.taxonomy import TAXONOMY
from treeline.logs import LogOption
from treeline.ranks import RanksOption, open_ranks

app = typer.Typer(no_args_is_help=True)

MemoryMb = Annotated[int, typer.Option(min=512, help="Memory of the job in MiB; what does not fit goes to disk.")]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads.")]


@app.command()
def scan(
    manifest: Annotated[Path, typer.Option(help="The list of URL batches.")],
    ignored: Annotated[Path, typer.Option(help="Table of ignored servers; need not exist.")],
    images: Annotated[Path, typer.Option(help="Folder of the downloaded shards.")],
    output: Annotated[Path, typer.Option(help="Parquet file to write.")],
    root: Annotated[Path, typer.Option(help="Folder that the paths in the table start from: path_to_output.")],
    kept_by: Annotated[
        list[Path] | None, typer.Option(help="Folder of a tool's verdicts: what they drop is left out; repeatable.")
    ] = None,
    memory_mb: MemoryMb = 4096,
    threads: Threads = 1,
    ranks: RanksOption = 1,
    log: LogOption = None,
) -> None:
    """List every downloaded image with the shard that holds it."""
    from treeline.lookup.scan import scan_shards

    each = {"memory_mb": memory_mb // ranks, "threads": threads}
    with open_ranks(ranks) as workers:
        if workers is not None:
            scan_shards(manifest, ignored, images, output, root=root, **each, ranks=workers, kept_by=kept_by or ())


@app.command()
def groups(
    definitions: Annotated[list[Path], typer.Argument(help="The groups' YAML files.")],
    folder: Annotated[Path, typer.Option(help="Lookup folder; `scan` has written its images.parquet.")],
    taxonomy: Annotated[Path, typer.Option(help="Folder of the taxonomic lists.")] = TAXONOMY,
    metadata: Annotated[Path | None, typer.Option(help="Occurrence table to join by source_id.")] = None,
    detections: Annotated[Path | None, typer.Option(help="Table of detections to join by uuid.")] = None,
    urls: Annotated[
        Path | None, typer.Option(help="Folder of the URL batches; by default urls/ beside FOLDER.")
    ] = None,
    max_files: Annotated[int, typer.Option(min=1, help="Most shards in a lookup batch.")] = 100,
    memory_mb: MemoryMb = 4096,
    threads: Threads = 1,
    log: LogOption = None,
) -> None:
    """Write the lookup batches and the manifest of each group."""
    from treeline.config import OutputStructure
    from treeline.lookup.tables import create_lookup_tables
    from treeline.paths import Paths

    create_lookup_tables(
        Paths(folder.parent, OutputStructure(lookup_folder=folder.name)),
        definitions,
        taxonomy=taxonomy,
        metadata=metadata,
        detections=detections,
        urls=urls,
        max_files=max_files,
        memory_mb=memory_mb,
        threads=threads,
    )
