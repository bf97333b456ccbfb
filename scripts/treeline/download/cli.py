"""`treeline download`: the commands of this stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.options import DEFAULT_CONFIG, ConfigOption

app = typer.Typer(no_args_is_help=True)

Manifest = Annotated[Path, typer.Option(help="The list of URL batches.")]
Ignored = Annotated[Path, typer.Option(help="Table of servers to leave out; need not exist.")]
Profiles = Annotated[Path, typer.Option(help="The profiles table.")]
Checkpoint = Annotated[Path, typer.Option(help="The inner checkpoint file.")]
Schedules = Annotated[Path, typer.Option(help="Folder of the schedules.")]
Urls = Annotated[Path, typer.Option(help="Folder of the URL batches.")]
Parameters = Annotated[str, typer.Option(help="JSON: downloader_parameters that differ from the defaults.")]


@app.command()
def profile(
    manifest: Manifest,
    urls: Urls,
    ignored: Ignored,
    profiles: Profiles,
    schedules: Schedules,
    checkpoint: Checkpoint,
    samples: Annotated[int, typer.Option(help="Images of each server that are asked for.", min=1)],
    from_rows: Annotated[int, typer.Option(help="Ask nothing where the manifest has fewer URLs.", min=0)],
    parameters: Parameters = "{}",
    log: LogOption = None,
) -> None:
    """Measure servers, and write the profiles table, keeping what it already says."""
    from treeline.config_download import DownloaderParameters
    from treeline.download.profile import ProfileFiles, profile_servers

    files = ProfileFiles(manifest, urls, ignored, profiles, schedules, checkpoint)
    settings = DownloaderParameters.model_validate_json(parameters)
    profile_servers(files, settings, samples=samples, from_rows=from_rows)


@app.command()
def schedule(
    manifest: Manifest,
    ignored: Ignored,
    profiles: Profiles,
    checkpoint: Checkpoint,
    schedules: Schedules,
    logs: Annotated[Path, typer.Option(help="Folder of the log files.")],
    schedule_rules: Annotated[str, typer.Option(help='JSON: at least so many batches -> lanes, such as {"1": 1}.')],
    max_lanes: Annotated[int, typer.Option(help="Most lanes over all servers.")],
    log: LogOption = None,
) -> None:
    """Write down which lane downloads which shards, at which rate."""
    from treeline.download.lanes import plan_lanes
    from treeline.download.schedule import schedule_downloads
    from treeline.io.manifest import read_ignored, read_manifest

    rules = {int(batches): lanes for batches, lanes in json.loads(schedule_rules).items()}
    shards = [shard.id for shard in read_manifest(manifest)]
    lanes = plan_lanes(shards, read_ignored(ignored), rules, max_lanes)
    schedule_downloads(lanes, profiles, schedules, logs, checkpoint)


@app.command()
def shard(
    batch: Annotated[Path, typer.Option(help="Parquet file of URLs.")],
    output: Annotated[Path, typer.Option(help="Folder of the shard.")],
    spool: Annotated[Path, typer.Option(help="Folder of what is fetched so far.")],
    profiles: Annotated[Path | None, typer.Option(help="Take the server's rate limit from this table.")] = None,
    lane: Annotated[int, typer.Option(help="Number of the shard's lane among its server's, from 0.", min=0)] = 0,
    lanes: Annotated[int, typer.Option(help="Lanes that share the server's rate limit and concurrency.", min=1)] = 1,
    previous: Annotated[
        Path | None, typer.Option(help="Spool folder of the shard before, for its learned rate.")
    ] = None,
    requests: Annotated[Path | None, typer.Option(help="File that gets a row for each request.")] = None,
    parameters: Annotated[str, typer.Option(help="JSON: downloader_parameters that differ from the defaults.")] = "{}",
    threads: Annotated[int, typer.Option(help="Processes that decode and encode images.", min=1)] = 1,
    refetch: Annotated[bool, typer.Option(help="Ask again for what the spool holds.")] = False,
    log: LogOption = None,
) -> None:
    """Fetch the images of one batch; goes on where an earlier run was stopped."""
    import asyncio

    from treeline.config_download import DownloaderParameters
    from treeline.download.allocator import keep_freed_memory
    from treeline.download.decoder import Decoders
    from treeline.download.jobs import shard_job
    from treeline.download.shard import download_shard
    from treeline.download.stop import Stop, stop_on_signals

    job = shard_job(
        batch=batch,
        output=output,
        spool=spool,
        profiles=profiles,
        parameters=DownloaderParameters.model_validate_json(parameters),
        lane=(lane, lanes),
        requests=requests,
        previous=previous,
        refetch=refetch,
    )

    async def download() -> None:
        keep_freed_memory()
        stop = Stop()
        async with Decoders(threads) as decoders:
            with stop_on_signals(stop):
                await download_shard(job, decoders, stop)

    asyncio.run(download())


@app.command()
def fleet(
    manifest: Manifest,
    schedule: Annotated[Path, typer.Option(help="The schedule's list of lanes, 0000.csv.")],
    urls: Annotated[Path, typer.Option(help="Folder of the URL batches.")],
    images: Annotated[Path, typer.Option(help="Folder of the shards.")],
    logs: Annotated[Path, typer.Option(help="Folder of the log files; each shard has its own in `current`.")],
    profiles: Profiles,
    parameters: Annotated[str, typer.Option(help="JSON: downloader_parameters that differ from the defaults.")] = "{}",
    ranks: Annotated[int, typer.Option(help="Processes that MPI starts; 1 runs without MPI.", min=1)] = 1,
    shards_per_rank: Annotated[int, typer.Option(help="Shards that a rank downloads at once.", min=1)] = 8,
    threads: Annotated[int, typer.Option(help="Processes that decode and encode images, of each rank.", min=1)] = 1,
    refetch: Annotated[bool, typer.Option(help="Ask again for what the spool holds.")] = False,
    log: LogOption = None,
) -> None:
    """Download a whole schedule into the spool, as one of the ranks of an MPI job."""
    from treeline.download.parent import continue_in_child

    if ranks > 1:
        continue_in_child()  # while there is but one thread

    import asyncio

    from treeline.config_download import DownloaderParameters
    from treeline.download.allocator import keep_freed_memory
    from treeline.download.fleet import run_rank
    from treeline.download.fleet_jobs import ScheduledShards
    from treeline.download.messages import open_mailbox
    from treeline.download.schedule import read_schedule
    from treeline.io.manifest import read_manifest

    settings = DownloaderParameters.model_validate_json(parameters)
    of_a_shard = max(1, settings.max_bytes_in_flight // shards_per_rank)
    settings = settings.model_copy(update={"max_bytes_in_flight": of_a_shard})
    lanes, sha256 = read_schedule(schedule), {shard.id: shard.sha256 for shard in read_manifest(manifest)}
    shards = ScheduledShards(lanes, sha256, urls, images, logs, profiles, settings, refetch)
    mailbox = open_mailbox(ranks)
    keep_freed_memory()
    asyncio.run(run_rank(mailbox, lanes.lanes, shards.errand_for, capacity=shards_per_rank, threads=threads))


@app.command()
def verify(
    manifest: Manifest,
    ignored: Ignored,
    images: Annotated[Path, typer.Option(help="Folder of the shards.")],
    schedule: Annotated[Path, typer.Option(help="Folder of the current schedule.")],
    profiles: Profiles,
    checkpoint: Checkpoint,
    log: LogOption = None,
) -> None:
    """Check which shards are complete, and fill in counts and learned rates."""
    from treeline.download.verify import verify_downloads
    from treeline.io.manifest import read_ignored, read_manifest

    left_out = read_ignored(ignored)
    shards = [shard for shard in read_manifest(manifest) if shard.server not in left_out]
    failed = verify_downloads(shards, images, schedule, profiles, checkpoint)
    typer.echo(f"{len(shards) - len(failed)} of {len(shards)} shards are complete")


@app.command()
def retry(
    config: ConfigOption = DEFAULT_CONFIG,
    images: Annotated[Path | None, typer.Option(help="Folder of the shards, if not as configured.")] = None,
    urls: Annotated[Path | None, typer.Option(help="Folder of the URL batches, if not as configured.")] = None,
    ignored: Annotated[Path | None, typer.Option(help="Table of servers to leave alone, likewise.")] = None,
    code: Annotated[list[int] | None, typer.Option(help="An error_code to try again; all of them without it.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Only codes that a shard was not tried again for yet.")] = False,
    log: LogOption = None,
) -> None:
    """Have failed images fetched again, and nothing else, by the next run."""
    from treeline.download.retry import retry_errors
    from treeline.io.manifest import read_ignored
    from treeline.settings import paths_of, read_settings_file

    if images is None or urls is None:
        paths = paths_of(read_settings_file(config))
        images, urls, ignored = images or paths.images, urls or paths.urls, ignored or paths.ignored
    left_out = frozenset() if ignored is None else read_ignored(ignored)
    rows = retry_errors(images, urls, code or [], ignored=left_out, once=once)
    typer.echo(f"{rows} images are to be tried again: run Snakemake")


@app.command()
def gc(images: Annotated[Path, typer.Option(help="Folder of the shards.")], log: LogOption = None) -> None:
    """Remove what the spool keeps of finished shards that were made anew with other settings."""
    from treeline.download.gc import collect_garbage

    typer.echo(f"{collect_garbage(images)} shards of earlier settings are removed")
