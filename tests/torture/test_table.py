"""The torture table, as a whole, through the command that downloads: every row is what the table says."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from tests.batches import write_batch
from tests.servers import Request
from tests.torture.case import GOOD, HTTP2, PARAMETERS, UNVERIFIED, Case, Failed, Stored
from tests.torture.cases import CASES
from tests.torture.images import BOMB_BYTES
from tests.torture.robots_cases import CRAWL_DELAY_SECONDS, PAUSED, PAUSED_ROWS
from tests.torture.runner import MODES, fetch_shards, link_shards, rows_of
from tests.torture.server import Site, TortureServers
from treeline.io.images import read_header
from treeline.io.names import encode_server_name
from treeline.paths import shard_folder

TIMER_SECONDS = 0.01  # a timer may be early by so much


@dataclass(frozen=True)
class Outcome:
    """What became of the table.

    Attributes:
        batches: Names of the cases of each shard, by its folder.
        images: Folder of the shards.
        rows: The row of each case by its name.
        requests: What each site was asked.
        telemetry: What the jobs say that they have asked.
        log: What the jobs said.
    """

    batches: Mapping[str, Sequence[str]]
    images: Path
    rows: Mapping[str, Mapping[str, Any]]
    requests: Mapping[Site, Sequence[Request]]
    telemetry: Sequence[Mapping[str, Any]]
    log: str

    def asked(self, case: Case) -> list[float]:
        """When the case's target was asked for."""
        return [request.time for request in self.requests[case.site] if request.path == case.asked]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The outcome in each mode; the servers are the same, and so are the batches."""
    with TortureServers(dict.fromkeys(case.site for case in CASES)) as servers:
        return {mode: download_table(mode, tmp_path_factory.mktemp(f"table-{mode}"), servers) for mode in MODES}


@pytest.fixture(params=MODES)
def outcome(request: pytest.FixtureRequest, outcomes: Mapping[str, Outcome]) -> Outcome:
    return outcomes[request.param]


def download_table(mode: str, folder: Path, servers: TortureServers) -> Outcome:
    earlier = {site: len(requests) for site, requests in servers.requests().items()}
    batches = write_batches(folder / "urls", servers)
    parameters = {**PARAMETERS, "unverified_servers": [servers.name(UNVERIFIED)]}
    environment = {**os.environ, "SSL_CERT_FILE": str(servers.authority_file)}
    log = fetch_shards(mode, folder, list(batches), parameters, environment)
    asked = servers.requests()
    log += link_shards(folder, list(batches), parameters)
    assert servers.requests() == asked, "what is in the spool was asked for again"
    rows = {row["uuid"]: row for shard in batches for row in rows_of(folder / "images" / shard)}
    requests = {site: of_site[earlier[site] :] for site, of_site in asked.items()}
    telemetry = pq.read_table(folder / "logs/requests").to_pylist()
    return Outcome(batches, folder / "images", rows, requests, telemetry, log)


def write_batches(folder: Path, servers: TortureServers) -> dict[str, list[str]]:
    """Prepare the servers, and write a batch for each; gives the names of its cases by the shard's folder."""
    by_site: dict[Site, list[Case]] = defaultdict(list)
    for case in CASES:
        by_site[case.site].append(case)
        servers[case.site].add(case.asked, *case.replies)
        for target, reply in case.elsewhere.items():
            servers[case.site].add(target, reply)
    batches = {}
    for site, cases in by_site.items():
        shard = shard_folder(encode_server_name(servers.name(site)), 0)
        urls = [case.url or servers.origin(site, case.scheme) + case.target for case in cases]
        batches[shard] = [case.name for case in cases]
        write_batch(folder / shard / "urls.parquet", urls, uuid=batches[shard])
    return batches


def test_cases_do_not_get_in_each_others_way() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    targets = [(case.site, target) for case in CASES if not case.url for target in (case.asked, *case.elsewhere)]
    assert len(set(targets)) == len(targets)


def test_a_server_speaks_http_2_to_those_who_can() -> None:
    with TortureServers([HTTP2]) as servers:
        servers[HTTP2].add("/a.jpg?b", GOOD)
        trusted = ssl.create_default_context(cafile=servers.authority_file)
        with httpx.Client(http2=True, verify=trusted) as client:
            response = client.get(f"{servers.origin(HTTP2)}/a.jpg?b")
        assert (response.http_version, response.content) == ("HTTP/2", GOOD.body)
        assert [request.path for request in servers[HTTP2].requests()] == ["/a.jpg?b"]


def test_each_row_of_a_batch_is_one_success_or_one_error(outcome: Outcome) -> None:
    for shard, names in outcome.batches.items():
        assert sorted(row["uuid"] for row in rows_of(outcome.images / shard)) == sorted(names)
        assert (outcome.images / shard / "completed").exists()


def test_nothing_surprises_a_job(outcome: Outcome) -> None:
    assert "Traceback" not in outcome.log


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_row(case: Case, outcome: Outcome) -> None:
    row, expected = outcome.rows[case.name], case.expected
    times = outcome.asked(case)
    if isinstance(expected, Stored):
        assert row.get("error_msg") is None
        assert (tuple(row["original_size"]), tuple(row["resized_size"])) == (expected.original, expected.resized)
        assert read_header(row["image"]).size == expected.resized
        assert hashlib.md5(row["image"]).hexdigest() == row["hashsum_resized"]
        assert len(times) == expected.tries
        assert all(later - earlier >= case.pause - TIMER_SECONDS for earlier, later in pairwise(times))
    else:
        check_error(row, expected)
        if expected.tries is not None:
            assert_seen(case, expected.tries, len(times))


def assert_seen(case: Case, sent: int, seen: int) -> None:
    """A server sees what is sent; only one that breaks a connection may do so before it has read the next request."""
    breaks = any(reply.reset or reply.raw or reply.missing_bytes for reply in case.replies)
    assert 1 <= seen <= sent if breaks else seen == sent, case.name


def check_error(row: Mapping[str, Any], expected: Failed) -> None:
    assert (row.get("error_code"), row.get("image")) == (expected.code, None), row.get("error_msg")
    assert row["error_msg"]
    assert expected.reason.lower() in row["error_msg"].lower()
    if expected.tries is not None:
        assert row["retry_count"] == expected.tries


def test_either_mode_gives_the_same(outcomes: Mapping[str, Outcome]) -> None:
    """Byte for byte; but a failure's words tell of moments: how a connection broke, how slow it was."""
    by_shards, by_fleet = (outcomes[mode] for mode in MODES)
    assert by_shards.batches == by_fleet.batches
    for shard in by_shards.batches:
        successes, others = (outcome.images / shard / "successes.parquet" for outcome in (by_shards, by_fleet))
        assert successes.read_bytes() == others.read_bytes()
        errors, others = (pq.read_table(outcome.images / shard / "errors.parquet") for outcome in (by_shards, by_fleet))
        assert errors.drop_columns("error_msg").equals(others.drop_columns("error_msg"))


def test_a_crawl_delay_is_kept(outcome: Outcome) -> None:
    times = [request.time for request in outcome.requests[PAUSED] if request.path != "/robots.txt"]
    assert len(times) == PAUSED_ROWS
    # The log of a busy server may be late for the first.
    assert times[-1] - times[0] >= 0.75 * (PAUSED_ROWS - 1) * CRAWL_DELAY_SECONDS


def test_the_request_log_holds_what_the_servers_saw(outcome: Outcome) -> None:
    logged = Counter(row["uuid"] for row in outcome.telemetry if row["purpose"] == "image")
    for case in CASES:
        if not case.url:
            assert_seen(case, logged[case.name], len(outcome.asked(case)))


def test_a_bomb_is_not_unpacked_far_beyond_the_limit(outcome: Outcome) -> None:
    (bomb,) = [row for row in outcome.telemetry if row["uuid"] == "gzip bomb"]
    assert bomb["bytes"] < BOMB_BYTES / 4
