"""The downloader's own tables: profiles, schedule, verification, checkpoint.

File names and columns are those of the downloader that Treeline replaces; `learned_rate` of the profiles table and the
table `_errors.csv` are Treeline's.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import yaml

from treeline.errors import InputError
from treeline.io.atomic import write_text

PROFILE_COLUMNS = ("server_name", "total_batches", "success_count", "error_count", "rate_limit", "learned_rate")
CONFIG_COLUMNS = ("index", "server_name", "total_batches", "process_per_node", "nodes")
SCHEDULE_COLUMNS = ("rank", "server_name", "partition_id_from", "partition_id_to", "main_rank", "rate_limit")
JOB_COLUMNS = ("job_id", "is_verification")
VERIFICATION_COLUMNS = ("server_name", "partition_id", "status")
ERROR_COLUMNS = ("server_name", "partition_id", "error_code", "count", "retried")
UNREACHABLE_COLUMNS = ("server_name", "reason")
CHECKPOINT_KEYS = ("batched", "profiled", "schedule_creation_scheduled", "completed")


def read_text(path: Path) -> str | None:
    """Read a text file; None where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else None


def read_profiles(profiles: Path) -> dict[str, dict[str, str]]:
    """Read the profiles table by server name; empty where there is none.

    Raises:
        InputError: A column is missing, or a rate is not a number above 0.
    """
    if not profiles.exists():
        return {}
    with profiles.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        for column in ("server_name", "rate_limit"):
            if column not in (table.fieldnames or []):
                raise InputError(
                    profiles, "the column is missing.", field=column, fix="Delete the file to have it made."
                )
        rows = {}
        for number, row in enumerate(table, start=1):
            _check_rate(profiles, number, row["rate_limit"])
            rows[row["server_name"]] = row
        return rows


def row_of_server(known: Mapping[str, dict[str, str]], server: str, profiles: Path) -> dict[str, str]:
    """A server's row of the profiles table.

    Raises:
        InputError: The table, which users edit, has none.
    """
    if server not in known:
        fix = "Add it, or delete the file and schedules/profiled to have both made."
        raise InputError(profiles, f"has no row for the server {server}.", field="server_name", fix=fix)
    return known[server]


def _check_rate(profiles: Path, number: int, rate: str | None) -> None:
    try:
        good = float(rate or "") > 0
    except ValueError:
        good = False
    if not good:
        raise InputError(
            profiles, f"expected requests a second above 0, found {rate!r}.", row=number, field="rate_limit"
        )


def digest_of_retries(errors: Path, codes: Collection[int]) -> str | None:
    """Name the errors of some codes that were not tried again yet; None where there are none.

    Args:
        errors: The table `_errors.csv`; need not exist.
        codes: Values of `error_code`.

    Returns:
        The same as long as the table stays; another one for each table that is written, as errors come back when
        everything is fetched anew.
    """
    if not codes or not errors.exists():
        return None
    with errors.open(newline="", encoding="utf-8") as file:
        wanted = [row for row in csv.DictReader(file) if int(row["error_code"]) in codes and row["retried"] == "False"]
    work = repr((errors.stat().st_mtime_ns, wanted))
    return hashlib.sha256(work.encode()).hexdigest()[:16] if wanted else None


def write_checkpoint(checkpoint: Path, *, done: Sequence[str]) -> None:
    """Write the inner checkpoint file: true for the steps in `done`, false for the others."""
    write_text(checkpoint, yaml.safe_dump({key: key in done for key in CHECKPOINT_KEYS}, sort_keys=False))


def rate_limit_of(profiles: Path | None, server: str | None, default: float) -> float:
    """Requests a second that the profiles table allows a server; `default` where it says nothing."""
    row = read_profiles(profiles).get(server or "") if profiles is not None else None
    return default if row is None else float(row["rate_limit"])
