"""Check every row: which server its URL is on, what its uuid is, or why it cannot be in a batch.

The columns made here:
- `uuid`: as given, or UUIDv5 of `UUID_NAMESPACE` and the name `<source_id>` + line feed + `<identifier>`, where a null
  source_id is an empty string: the same in every run.
- `treeline_server`: host[:port], lower case, ASCII.
- `treeline_reason`: null for a row that can be in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import NAMESPACE_URL, uuid5

import duckdb
import pyarrow as pa

from treeline.io.database import quote_identifier, quote_literal
from treeline.io.names import UUID_PATTERN
from treeline.schemas import URL_COLUMNS
from treeline.urls.initialize import KEEP, column_names
from treeline.urls.read import RESERVED_PREFIX
from treeline.urls.servers import ServerNameTooLongError, normalize_server

UUID_NAMESPACE = uuid5(NAMESPACE_URL, "treeline:urls")
MAX_URL_CHARACTERS = 8192
HOSTS_AT_ONCE = 10_000
TRIMMED_COLUMNS = ("uuid", "identifier", "source_id")

SCHEME = rf"lower(regexp_extract(left(identifier, {MAX_URL_CHARACTERS}), '^([A-Za-z][A-Za-z0-9+.-]*):', 1))"
AUTHORITY = rf"regexp_extract(left(identifier, {MAX_URL_CHARACTERS}), '^[A-Za-z]+://([^/?#]*)', 1)"
SERVERS = pa.schema([(f"treeline_{name}", pa.string()) for name in ("scheme", "authority", "server", "problem")])

DIGEST = f"sha1(from_hex('{UUID_NAMESPACE.hex}') || encode(concat(source_id, chr(10), identifier)))"
# RFC 9562 has the version in the 13th digit, the variant in the upper half of the 17th.
UUID5 = """if(treeline_digest IS NULL, NULL, concat(
    substr(treeline_digest, 1, 8), '-', substr(treeline_digest, 9, 4),
    '-5', substr(treeline_digest, 14, 3),
    '-', substr('89ab', 1 + (strpos('0123456789abcdef', substr(treeline_digest, 17, 1)) - 1) % 4, 1),
    substr(treeline_digest, 18, 3), '-', substr(treeline_digest, 21, 12)
))"""


def check_rows(connection: duckdb.DuckDBPyConnection, initializer_name: str, excluded_servers: Sequence[str]) -> None:
    """Make the table `checked` out of the view `initialized`: all its columns, the URL columns first, and those above.

    Args:
        connection: The database.
        initializer_name: For the reason `filtered_by_<name>`.
        excluded_servers: Servers (host[:port]) whose rows are left out.
    """
    _make_located_view(connection)
    _make_servers_table(connection)
    connection.execute(
        f"""
        CREATE TABLE checked AS
        SELECT
            coalesce(uuid, {UUID5}) AS uuid,
            * EXCLUDE (uuid, {KEEP}, treeline_scheme, treeline_authority, treeline_digest, treeline_problem),
            CASE
                WHEN {KEEP} IS NOT TRUE THEN {quote_literal(f"filtered_by_{initializer_name}")}
                WHEN identifier IS NULL THEN 'no_identifier'
                WHEN length(identifier) > {MAX_URL_CHARACTERS} THEN 'url_too_long'
                WHEN treeline_scheme NOT IN ('', 'http', 'https') THEN 'unsupported_scheme'
                WHEN regexp_matches(identifier, '[\\x00-\\x1f\\x7f]') THEN 'unparsable_url'
                WHEN contains(treeline_authority, '@') THEN 'credentials_in_url'
                WHEN treeline_problem IS NOT NULL THEN treeline_problem
                WHEN treeline_server IS NULL THEN 'unparsable_url'
                WHEN list_contains(?, treeline_server) THEN 'excluded_server'
                WHEN NOT regexp_full_match(uuid, ?) THEN 'unsafe_uuid'
            END AS treeline_reason
        FROM (
            SELECT *, CASE WHEN uuid IS NULL AND identifier IS NOT NULL THEN {DIGEST} END AS treeline_digest
            FROM located
        ) LEFT JOIN servers USING (treeline_scheme, treeline_authority)
        """,
        [[server.lower() for server in excluded_servers], UUID_PATTERN],
    )


def other_columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The columns of `checked` that the input brought along."""
    return [
        name
        for name in column_names(connection, "checked")
        if name.lower() not in URL_COLUMNS and not name.lower().startswith(RESERVED_PREFIX)
    ]


def _make_located_view(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `located` out of `initialized`: URL columns as trimmed text or null, and the URL's scheme and authority."""
    present = {name.lower(): name for name in column_names(connection, "initialized")}
    texts = [
        f"{_text(name, present[name])} AS {name}" if name in present else f"NULL::VARCHAR AS {name}"
        for name in URL_COLUMNS
    ]
    given = [quote_identifier(name) for lower, name in present.items() if lower in URL_COLUMNS]
    connection.execute(
        f"""
        CREATE VIEW located AS
        SELECT *, {SCHEME} AS treeline_scheme, {AUTHORITY} AS treeline_authority
        FROM (SELECT {", ".join(texts)}, * EXCLUDE ({", ".join(given)}) FROM initialized)
        """
    )


def _text(name: str, column: str) -> str:
    """SQL of a URL column as text, where empty is null, and white space around what names the row does not count."""
    text = f"({quote_identifier(column)}::VARCHAR)"
    if name in TRIMMED_COLUMNS:
        # Most values need no trimming, which costs more than everything else that is done to them.
        text = f"CASE WHEN {text}[1] <= ' ' OR {text}[-1] <= ' ' THEN trim({text}, E' \\t\\r\\n') ELSE {text} END"
    return f"nullif({text}, '')"


def _make_servers_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `servers`: the name of every server, or the problem with it, by scheme and authority."""
    distinct = connection.sql(
        f"""
        SELECT DISTINCT treeline_scheme, treeline_authority FROM located
        WHERE {KEEP} AND treeline_scheme IN ('http', 'https') AND NOT contains(treeline_authority, '@')
        """
    ).to_arrow_reader(HOSTS_AT_ONCE)
    found = pa.Table.from_batches(map(_name_servers, distinct), SERVERS)
    connection.register("found_servers", found)
    connection.execute("CREATE TABLE servers AS FROM found_servers")
    connection.unregister("found_servers")


def _name_servers(block: pa.RecordBatch) -> pa.RecordBatch:
    pairs: Iterable[tuple[str, str]] = zip(*(column.to_pylist() for column in block.columns), strict=True)
    rows = [(*pair, *_server_or_problem(*pair)) for pair in pairs]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in zip(*rows, strict=True)], schema=SERVERS
    )


def _server_or_problem(scheme: str, authority: str) -> tuple[str | None, str | None]:
    try:
        return normalize_server(scheme, authority), None
    except ServerNameTooLongError:
        return None, "server_name_too_long"
    except ValueError:
        return None, "unparsable_url"
