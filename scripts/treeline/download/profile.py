"""Profile servers: how many batches each has, what its answers are like, and how fast it may be asked."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from treeline.config_download import DownloaderParameters
from treeline.download.contact import check_contact
from treeline.download.measure import measure_servers
from treeline.download.samples import sample_urls
from treeline.download.server_profile import SERVER_PROFILE_COLUMNS, ServerProfile, table_row
from treeline.download.tables import PROFILE_COLUMNS, UNREACHABLE_COLUMNS, read_profiles, write_checkpoint
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.manifest import Shard, read_ignored, read_manifest
from treeline.io.names import decode_server_name, encode_server_name

RESULTS = ".profiling"
"""Folder, among the schedules, of each server's result: `<percent-encoded server>.json`."""

log = logging.getLogger(__name__)


class ProfileFiles(NamedTuple):
    """What profiling reads and writes.

    Args:
        manifest: The URL batches.
        urls: Their folder.
        ignored: Table of servers that are not asked; need not exist.
        profiles: The table of rates to make or bring up to date.
        schedules: Folder that gets `server_profiles.csv`, `unreachable.csv`, and each server's result in `.profiling`.
        checkpoint: The inner checkpoint file, set to `batched` and `profiled`.
    """

    manifest: Path
    urls: Path
    ignored: Path
    profiles: Path
    schedules: Path
    checkpoint: Path


def profile_servers(files: ProfileFiles, parameters: DownloaderParameters, *, samples: int, from_rows: int) -> None:
    """Measure the servers that are not measured yet, and write the tables.

    What the profiles table already says of a server's rate and results is kept.

    Args:
        files: What to read and write.
        parameters: Limits to ask within; `default_rate_limit` is the highest rate that is proposed.
        samples: URLs of a server that are asked for.
        from_rows: With fewer URLs in all, no server is asked, and new ones get `default_rate_limit`.

    Raises:
        ConfigError: `user_agent` holds no contact, and there are servers of others.
        InputError: A table is not what it should be.
    """
    shards = read_manifest(files.manifest)
    ignored = read_ignored(files.ignored)
    asked = [shard for shard in shards if shard.server not in ignored]
    check_contact(parameters.user_agent, sorted({decode_server_name(shard.server) for shard in asked}))
    known = read_profiles(files.profiles)
    is_large = sum(shard.rows for shard in shards) >= from_rows
    measured = _measure_missing(asked, files, known, parameters, samples) if is_large else []
    _write_measurements(measured, files.schedules, parameters)
    proposed = {profile.server_name: profile.proposed_rate_limit(parameters) for profile in measured}
    rows = []
    for server, batches in sorted(Counter(decode_server_name(shard.server) for shard in shards).items()):
        old = known.get(server, {})
        rate = old.get("rate_limit", proposed.get(server, parameters.default_rate_limit))
        rows.append(
            (server, batches, old.get("success_count", 0), old.get("error_count", 0), rate, old.get("learned_rate", ""))
        )
    write_text(files.profiles, csv_text(PROFILE_COLUMNS, rows))
    write_checkpoint(files.checkpoint, done=("batched", "profiled"))


def _measure_missing(
    shards: Sequence[Shard],
    files: ProfileFiles,
    known: Mapping[str, Mapping[str, str]],
    parameters: DownloaderParameters,
    samples: int,
) -> list[ServerProfile]:
    """Measure the servers of these shards, but for those whose result is there; gives all results by name."""
    places = {shard.server: files.schedules / RESULTS / f"{shard.server}.json" for shard in shards}
    results = {server: result for server, place in places.items() if (result := _read_result(place)) is not None}
    log.info("%d servers, %d of them measured before", len(places), len(results))

    def keep(result: ServerProfile) -> None:
        server = encode_server_name(result.server_name)
        write_text(places[server], result.model_dump_json(indent=1) + "\n")
        results[server] = result
        log.info("%d of %d servers: %s", len(results), len(places), result.server_name)

    missing = [shard for shard in shards if shard.server not in results]
    urls = {decode_server_name(server): urls for server, urls in sample_urls(missing, files.urls, samples).items()}
    rates = {server: float(row["rate_limit"]) for server, row in known.items()}
    asyncio.run(measure_servers(urls, rates, parameters, keep))
    return [results[server] for server in sorted(results)]


def _read_result(place: Path) -> ServerProfile | None:
    """What was measured before; None also where that was by a version with other measurements."""
    try:
        return ServerProfile.model_validate_json(place.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _write_measurements(measured: Sequence[ServerProfile], schedules: Path, parameters: DownloaderParameters) -> None:
    """Write `server_profiles.csv` and `unreachable.csv`."""
    rows = [table_row(profile, parameters) for profile in measured]
    write_text(schedules / "server_profiles.csv", csv_text(SERVER_PROFILE_COLUMNS, rows))
    unreachable = [(profile.server_name, profile.failure) for profile in measured if profile.is_unreachable]
    place = schedules / "unreachable.csv"
    write_text(place, csv_text(UNREACHABLE_COLUMNS, unreachable))
    if unreachable:
        log.warning(
            "%d servers gave not one answer: %s names them. Copy its rows to the ignored table to leave them out.",
            len(unreachable),
            place,
        )
