"""Servers with the numbers of their URLs: from a table, or by Zipf's law."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from treeline.errors import InputError

SKEW = 1.1
"""Exponent of Zipf's law: the largest of 545 servers holds a fifth of all URLs."""

TREE_OF_LIFE = 545


class Server(NamedTuple):
    """A server and what is asked of it.

    Args:
        name: host[:port].
        urls: Number of URLs, at least 1.
        rate_limit: Requests a second.
    """

    name: str
    urls: int
    rate_limit: float


def servers_by_zipf(urls: int, servers: int, rate_limit: float, skew: float = SKEW) -> list[Server]:
    """Deal URLs to servers so that the r-th largest has about 1 / r^skew of what the largest has, and at least one.

    Args:
        urls: Of all servers together; at least as many as servers.
        servers: Number of servers, at least 1.
        rate_limit: Of each, in requests a second.
        skew: Exponent; 0 gives each the same.
    """
    counts = zipf_counts(urls, servers, skew)
    return [Server(f"images-{place:06d}.example.org", count, rate_limit) for place, count in enumerate(counts)]


def zipf_counts(things: int, owners: int, skew: float = SKEW) -> list[int]:
    """Deal things to owners, most to the first: each has at least one, and together they have all."""
    if not 1 <= owners <= things:
        raise ValueError(f"{things} things cannot be dealt to {owners} owners")
    weights = [1 / rank**skew for rank in range(1, owners + 1)]
    total, spare = sum(weights), things - owners
    counts = [1 + int(spare * weight / total) for weight in weights]
    counts[0] += things - sum(counts)
    return counts


def servers_of_shards(shards: int) -> int:
    """As many servers for so many shards as TreeOfLife has, 545 for 20,000."""
    return max(1, shards * TREE_OF_LIFE // 20_000)


def read_servers(table: Path, rate_limit: float) -> list[Server]:
    """Read a CSV table with the columns `server_name`, `urls` and, where some may be asked otherwise, `rate_limit`.

    Args:
        table: The file.
        rate_limit: Requests a second of a server whose row names none.

    Raises:
        InputError: A column is missing, or a value is no number above 0.
    """
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        for column in ("server_name", "urls"):
            if column not in (rows.fieldnames or []):
                raise InputError(table, "the column is missing.", field=column)
        servers = [_read_server(table, number, row, rate_limit) for number, row in enumerate(rows, start=1)]
    if not servers:
        raise InputError(table, "names no server.")
    return servers


def _read_server(table: Path, number: int, row: dict[str, str], rate_limit: float) -> Server:
    return Server(
        row["server_name"],
        int(_above_0(table, number, row, "urls")),
        _above_0(table, number, row, "rate_limit") if row.get("rate_limit") else rate_limit,
    )


def _above_0(table: Path, number: int, row: dict[str, str], field: str) -> float:
    try:
        value = float(row[field])
    except (TypeError, ValueError):
        value = 0.0
    if value <= 0:
        raise InputError(table, f"expected a number above 0, found {row[field]!r}.", row=number, field=field)
    return value
