"""`treeline detect`: the commands of this stage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from treeline.choices import MAX_PIXELS
from treeline.logs import LogOption
from treeline.options import MaxPixelsOption

app = typer.Typer(no_args_is_help=True)

Model = Annotated[str, typer.Option(help="A checkpoint file (.pt), or a name that the megadetector package knows.")]
Cache = Annotated[Path, typer.Option(help="Folder that named models are fetched into.")]
Sha256 = Annotated[str | None, typer.Option(help="SHA-256 that the checkpoint must have.")]
DEFAULT_CACHE = Path("~/.cache/treeline/models")


@app.command("shard")
def shard(
    archive: Annotated[Path, typer.Option(help="Images: .tar, .tar.gz, a folder, or a shard's .parquet.")],
    results: Annotated[Path, typer.Option(help="Target JSON, MegaDetector format 1.6.")],
    model: Model,
    model_cache: Cache = DEFAULT_CACHE,
    model_sha256: Sha256 = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence that is written.")] = 0.005,
    batch_size: Annotated[int, typer.Option(min=1, help="Images that the model sees at once.")] = 8,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes a GPU if there is one.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    state_folder: Annotated[
        Path | None, typer.Option(help="Where finished batches are kept until all are. [default: RESULTS.partial]")
    ] = None,
    log: LogOption = None,
) -> None:
    """Detect in the images of one shard; after a kill, go on where it was."""
    from treeline.detect.model import find_checkpoint
    from treeline.detect.shard import detect_shard

    detect_shard(
        archive,
        results,
        checkpoint=find_checkpoint(model, model_cache),
        state_folder=state_folder or results.with_name(results.name + ".partial"),
        sha256=model_sha256,
        threshold=threshold,
        batch_size=batch_size,
        max_pixels=max_pixels,
        device=device,
        threads=threads,
    )


@app.command("fetch-model")
def fetch_model(
    model: Model,
    model_cache: Cache = DEFAULT_CACHE,
    model_sha256: Sha256 = None,
    log: LogOption = None,
) -> None:
    """Fetch a known model into the cache, and print the checkpoint with its SHA-256."""
    from treeline.detect.model import check_sha256, find_checkpoint

    checkpoint = find_checkpoint(model, model_cache)
    typer.echo(f"{checkpoint} {check_sha256(checkpoint, model_sha256)}")


@app.command("merge")
def merge(
    manifest: Annotated[Path, typer.Option(help="The list of URL batches.")],
    ignored: Annotated[Path, typer.Option(help="The table of ignored servers; may be missing.")],
    detections_folder: Annotated[Path, typer.Option(help="Folder of the shards' results.")],
    output: Annotated[Path, typer.Option(help="Target Parquet: one row a detection.")],
    log: LogOption = None,
) -> None:
    """Make one table of all shards' results."""
    from treeline.detect.merge import merge_detections

    merge_detections(manifest, ignored, detections_folder, output)
