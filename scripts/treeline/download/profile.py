"""Profile servers: how many batches each has, and how fast it may be asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from treeline.download.tables import PROFILE_COLUMNS, read_profiles, write_checkpoint
from treeline.io.atomic import write_text
from treeline.io.csv_tables import csv_text
from treeline.io.manifest import read_manifest
from treeline.io.names import decode_server_name


def profile_servers(manifest: Path, profiles: Path, checkpoint: Path, *, default_rate_limit: float) -> None:
    """Write the profiles table; what it already says of a server's rate and results is kept.

    Args:
        manifest: The URL batches.
        profiles: The table to make or bring up to date.
        checkpoint: The inner checkpoint file, set to `batched` and `profiled`.
        default_rate_limit: Requests a second for servers that the table does not know.
    """
    known = read_profiles(profiles)
    batches = Counter(decode_server_name(shard.server) for shard in read_manifest(manifest))
    rows = []
    for server, count in sorted(batches.items()):
        old = known.get(server, {})
        rate = old.get("rate_limit", default_rate_limit)
        rows.append(
            (server, count, old.get("success_count", 0), old.get("error_count", 0), rate, old.get("learned_rate", ""))
        )
    write_text(profiles, csv_text(PROFILE_COLUMNS, rows))
    write_checkpoint(checkpoint, done=("batched", "profiled"))
