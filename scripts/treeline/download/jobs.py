"""From what a command line or a schedule says of a shard to its job."""

from __future__ import annotations

from pathlib import Path

from treeline.config_download import DownloaderParameters
from treeline.download.contact import check_contact
from treeline.download.shard import ShardJob
from treeline.download.tables import rate_limit_of
from treeline.io.names import server_of_folder


def shard_job(
    *,
    batch: Path,
    output: Path | None,
    spool: Path,
    profiles: Path | None,
    parameters: DownloaderParameters,
    lane: tuple[int, int],
    requests: Path | None,
    previous: Path | None,
    refetch: bool,
) -> ShardJob:
    """Make a shard's job; its server's rate comes from the profiles table.

    Raises:
        ConfigError: The server is not on this machine, and the User-Agent names nobody to reach.
        InputError: The profiles table is damaged.
    """
    server = server_of_folder(spool)
    if server is not None:
        check_contact(parameters.user_agent, [server])
    return ShardJob(
        batch=batch,
        output=output,
        spool=spool,
        parameters=parameters,
        rate_limit=rate_limit_of(profiles, server, parameters.default_rate_limit),
        lane=lane,
        profiles=profiles,
        requests=requests,
        previous=previous,
        refetch=refetch,
    )
