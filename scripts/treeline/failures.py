"""What failed in the finished shards, counted and grouped, however many rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from treeline.download.advice import Advice, advice_on
from treeline.io.database import quote_literal
from treeline.io.manifest import Shard, ShardId
from treeline.io.names import decode_server_name, encode_server_name, mask_credentials
from treeline.status import Output, query_tables

EXAMPLES = 3
MESSAGE_CHARACTERS = 300
ERROR_ROWS = "read_parquet(?, hive_partitioning = true, hive_types = {server_name: VARCHAR})"

# What differs from row to row although the cause is the same, and what stands for it; in this order.
DETAILS = (
    (r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s'"<>]+""", "<url>"),
    (r"""b'[^']*'|b"[^"]*\"""", "<bytes>"),
    (r"\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\](:\d+)?|\b[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{0,4}){3,7}\b", "<host>"),
    (r"\b(\d{1,3}(\.\d{1,3}){3}|([A-Za-z0-9_-]+\.)+[A-Za-z]{2,})(:\d+)?\b", "<host>"),
    (r"0x[0-9A-Fa-f]+|\d+([.,]\d+)*", "<n>"),
)


class FailureGroup(NamedTuple):
    """Rows that failed alike.

    Args:
        server_name: host[:port].
        error_code: An HTTP status, or one of the codes in `treeline.schemas`.
        message: `error_msg`, where `<url>`, `<host>`, `<n>` and `<bytes>` stand for what differs from row to row.
        images: Number of rows.
        examples: At most three of their URLs, without user names and passwords.
    """

    server_name: str
    error_code: int
    message: str
    images: int
    examples: list[str]

    @property
    def advice(self) -> Advice:
        """What it means, and what to do about it."""
        return advice_on(self.error_code, self.message)

    @property
    def what_to_do(self) -> str:
        """The advice in one line."""
        return f"{self.advice.meaning}: {self.advice.what_to_do}"


class ErrorTally:
    """The error rows of the finished shards, each table of which is opened once, however often they are counted."""

    def __init__(self) -> None:
        self._counted: set[ShardId] = set()
        self._examples: dict[tuple[str, int], str] = {}
        self._images: Counter[tuple[str, int]] = Counter()

    def count(self, output: Output) -> Counter[tuple[str, int, str]]:
        """As `count_errors`; the message is the first of those shards that were finished first.

        Raises:
            InputError: A table cannot be read.
        """
        new = [shard for shard in output.shards or () if shard.id not in self._counted and output.is_downloaded(shard)]
        for (server, code, example), images in count_errors(output, new).items():
            self._examples.setdefault((server, code), example)
            self._images[server, code] += images
        self._counted.update(shard.id for shard in new)
        return Counter({(*group, self._examples[group]): images for group, images in sorted(self._images.items())})


def count_errors(output: Output, shards: Iterable[Shard] | None = None) -> Counter[tuple[str, int, str]]:
    """Count the error rows of finished shards by server and code, with the first message in alphabetical order.

    Args:
        output: The output folder.
        shards: The shards to look at; by default all.

    Raises:
        InputError: A table cannot be read.
    """
    looked_at = (output.shards or ()) if shards is None else shards
    counts = query_tables(
        f"SELECT server_name, error_code, min(error_msg), count(*) FROM {ERROR_ROWS} GROUP BY ALL ORDER BY ALL",
        (output.shard_file(shard, "errors.parquet") for shard in looked_at),
    )
    return Counter({(decode_server_name(server), code, message): count for server, code, message, count in counts})


def group_failures(output: Output, servers: Collection[str] = (), codes: Collection[int] = ()) -> list[FailureGroup]:
    """Group the error rows of all finished shards by server, code and message, the largest group first.

    Args:
        output: The output folder.
        servers: Names (host[:port]) of the servers to look at; all without any.
        codes: Values of `error_code` to look at; all without any.

    Raises:
        InputError: A table cannot be read.
    """
    wanted = f"WHERE error_code IN ({', '.join(map(str, codes))})" if codes else ""
    groups = query_tables(
        f"""
        SELECT server_name, error_code, {_without_details()} AS message, count(*), min(identifier, {EXAMPLES})
        FROM {ERROR_ROWS} {wanted}
        GROUP BY ALL ORDER BY count(*) DESC, server_name, error_code, message
        """,
        _tables(output, servers),
    )
    return [
        FailureGroup(decode_server_name(server), code, message, images, [mask_credentials(url) for url in urls or ()])
        for server, code, message, images, urls in groups
    ]


def _tables(output: Output, servers: Collection[str] = ()) -> Iterator[Path]:
    names = {encode_server_name(server.lower()) for server in servers}
    for shard in output.shards or ():
        if not names or shard.server in names:
            yield output.shard_file(shard, "errors.parquet")


def _without_details() -> str:
    """SQL of a message with the details replaced, but for the status that it starts with."""
    message = f"left(coalesce(error_msg, ''), {MESSAGE_CHARACTERS})"
    for pattern, replacement in DETAILS:
        message = f"regexp_replace({message}, {quote_literal(pattern)}, {quote_literal(replacement)}, 'g')"
    return f"replace({message}, 'HTTP <n>', concat('HTTP ', error_code))"
