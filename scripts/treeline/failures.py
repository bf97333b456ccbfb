"""What failed in the finished shards, counted and grouped, however many rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from treeline.download.advice import Advice, advice_on
from treeline.io.database import quote_literal
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


def count_errors(output: Output) -> Counter[tuple[str, int, str]]:
    """Count the error rows of all finished shards by server and code, with the first message in alphabetical order.

    Raises:
        InputError: A table cannot be read.
    """
    counts = query_tables(
        f"SELECT server_name, error_code, min(error_msg), count(*) FROM {ERROR_ROWS} GROUP BY ALL ORDER BY ALL",
        _tables(output),
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
