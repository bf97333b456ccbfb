"""`treeline tools`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.choices import MAX_PIXELS
from treeline.logs import LogOption
from treeline.options import MaxPixelsOption

app = typer.Typer(no_args_is_help=True)

Successes = Annotated[Path, typer.Option(help="The shard: a Parquet file with the images.")]
KeptBy = Annotated[
    list[Path] | None, typer.Option(help="Verdicts on the shard: what they drop is left out; repeatable.")
]
KeptByFolders = Annotated[list[Path] | None, typer.Option(help="Folder of verdicts of another tool; repeatable.")]
Parameters = Annotated[str, typer.Option(help="The tool's block of the configuration, as JSON.")]
Manifest = Annotated[Path, typer.Option(help="The list of URL batches.")]
Ignored = Annotated[Path, typer.Option(help="The table of ignored servers; may be missing.")]
Verdicts = Annotated[Path, typer.Option(help="Folder of the tool's verdicts: outdated ones are removed.")]
Output = Annotated[Path, typer.Option(help="Parquet file to write.")]
MemoryMb = Annotated[int, typer.Option(min=512, help="Memory of the job in MiB; what does not fit goes to disk.")]
Threads = Annotated[int, typer.Option(min=1, help="Number of threads.")]


@app.command("judge")
def judge(
    tool: Annotated[str, typer.Option(help="Name of the tool.")],
    successes: Successes,
    output: Output,
    kept_by: KeptBy = None,
    parameters: Parameters = "{}",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Judge the images of one shard, each by itself."""
    from treeline.tools.judge import judge_shard
    from treeline.tools.open import open_judge, read_block

    judge_shard(successes, kept_by or [], open_judge(read_block(tool, parameters), max_pixels), output)


@app.command("judge-repeats")
def judge_repeats(
    successes: Successes,
    duplicates: Annotated[Path, typer.Option(help="The duplicates that were found in the whole collection.")],
    output: Output,
    kept_by: KeptBy = None,
    log: LogOption = None,
) -> None:
    """Judge the images of one shard by the duplicates of the whole collection."""
    from treeline.tools.duplicates import repeats
    from treeline.tools.judge import judge_shard
    from treeline.tools.open import shard_of

    judge_shard(successes, kept_by or [], repeats(duplicates, shard_of(successes)), output)


@app.command("duplicates")
def duplicates(
    manifest: Manifest,
    ignored: Ignored,
    images: Annotated[Path, typer.Option(help="Folder of the shards.")],
    verdicts: Verdicts,
    output: Output,
    kept_by: KeptByFolders = None,
    parameters: Parameters = "{}",
    memory_mb: MemoryMb = 4096,
    threads: Threads = 1,
    log: LogOption = None,
) -> None:
    """Find the images of the whole collection whose original bytes are those of an earlier one."""
    from treeline.config_tools import DuplicationBased
    from treeline.paths import shard_folder
    from treeline.tools.collection import Collection
    from treeline.tools.duplicates import find_duplicates
    from treeline.tools.open import read_block

    block = read_block("duplication_based", parameters)
    assert isinstance(block, DuplicationBased)
    collection = Collection.of(
        manifest, ignored, kept_by or [], lambda shard: images / shard_folder(*shard) / "successes.parquet"
    )
    find_duplicates(collection, block.against, verdicts, output, memory_mb=memory_mb, threads=threads)


@app.command("hash")
def hash_images(
    successes: Successes,
    output: Output,
    kept_by: KeptBy = None,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Hash the images of one shard by what they look like (PDQ)."""
    from treeline.tools.near_duplicates import hash_shard

    hash_shard(successes, kept_by or [], output, max_pixels=max_pixels)


@app.command("near-duplicates")
def near_duplicates(
    manifest: Manifest,
    ignored: Ignored,
    findings: Annotated[Path, typer.Option(help="Folder of the hashes.")],
    verdicts: Verdicts,
    output: Output,
    parameters: Parameters = "{}",
    memory_mb: MemoryMb = 4096,
    threads: Threads = 1,
    log: LogOption = None,
) -> None:
    """Find the images of the whole collection that look like an earlier one."""
    from treeline.config_tools import NearDuplicates
    from treeline.tools.collection import Collection, table_in
    from treeline.tools.duplicates import find_near_duplicates
    from treeline.tools.open import read_block

    block = read_block("near_duplicates", parameters)
    assert isinstance(block, NearDuplicates)
    collection = Collection.of(manifest, ignored, [], lambda shard: table_in(findings, shard))
    limits = {"most_bits": block.most_bits, "least_quality": block.least_quality}
    find_near_duplicates(collection, verdicts, output, **limits, memory_mb=memory_mb, threads=threads)


@app.command("resize")
def resize(
    successes: Successes,
    output: Output,
    errors: Annotated[Path, typer.Option(help="Parquet file to write: images that could not be read.")],
    kept_by: KeptBy = None,
    parameters: Parameters = "{}",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Make a shard of smaller images."""
    from treeline.config_tools import Resize
    from treeline.tools import resize as tool
    from treeline.tools.open import read_block
    from treeline.tools.remake import remake_shard

    block = read_block("resize", parameters)
    assert isinstance(block, Resize)
    remake_shard(successes, kept_by or [], lambda row: tool.resize(row, block, max_pixels), output, errors)


@app.command("crop")
def crop(
    successes: Successes,
    boxes: Annotated[Path, typer.Option(help="CSV or Parquet: uuid and box; or the shard's detector results.")],
    output: Output,
    errors: Annotated[Path, typer.Option(help="Parquet file to write: images that could not be read.")],
    crops: Annotated[Path, typer.Option(help="Parquet file to write: the box of each crop.")],
    detections: Annotated[
        bool, typer.Option(help="The boxes are detections: shares of the image, not pixels.")
    ] = False,
    kept_by: KeptBy = None,
    parameters: Parameters = "{}",
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    log: LogOption = None,
) -> None:
    """Make a shard of the boxes' images."""
    from treeline.config_tools import CropToBoxes
    from treeline.tools.boxes import read_boxes
    from treeline.tools.crop_to_boxes import crop_to_boxes
    from treeline.tools.open import read_block
    from treeline.tools.remake import remake_shard

    block = read_block("crop_to_boxes", parameters)
    assert isinstance(block, CropToBoxes)
    least = block.least_confidence if detections else None
    found = read_boxes(boxes, successes, least_confidence=least, target=crops)
    remake_shard(successes, kept_by or [], lambda row: crop_to_boxes(row, found, block, max_pixels), output, errors)


@app.command("exif")
def exif(successes: Successes, output: Output, kept_by: KeptBy = None, log: LogOption = None) -> None:
    """Write what the photos of one shard say of themselves."""
    from treeline.tools.exif import read_exif

    read_exif(successes, kept_by or [], output)


@app.command("merge")
def merge(
    manifest: Manifest,
    ignored: Ignored,
    findings: Annotated[Path, typer.Option(help="Folder of what was found in each shard.")],
    output: Output,
    log: LogOption = None,
) -> None:
    """Make one table of what was found in all shards, with each row's shard."""
    from treeline.tools.reports import merge_findings

    merge_findings(manifest, ignored, findings, output)


@app.command("report")
def report(
    manifest: Manifest,
    ignored: Ignored,
    verdicts: Annotated[Path, typer.Option(help="Folder of the tool's verdicts.")],
    output: Annotated[Path, typer.Option(help="CSV file to write: kept and dropped images of each shard.")],
    log: LogOption = None,
) -> None:
    """Count the verdicts of a tool on all shards."""
    from treeline.tools.reports import report_verdicts

    report_verdicts(manifest, ignored, verdicts, output)
