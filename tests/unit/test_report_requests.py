"""Servers, their rates and the proof of politeness, against a walk through the requests one by one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report_collections import Image, Made, Shard, request, write_collection
from treeline.errors import InputError
from treeline.report.facts.requests import BIN_SECONDS, DAY, MOST_BINS, allowed_in, bin_seconds, measure_requests

START = 1_790_000_000.0
PARAMETERS = {"user_agent": "me@example.org", "default_rate_limit": 1.0}
PROFILES = "server_name,rate_limit,learned_rate\na.org,2.5,1.25\nb.org:81,0.2,\n"

moments = (st.integers(0, 80).map(lambda halves: halves / 2) | st.floats(0, 40)).map(lambda seconds: START + seconds)
requests = st.builds(
    request,
    server=st.sampled_from(["a.org", "b.org:81", "elsewhere.org"]),
    seconds=moments,
    status=st.sampled_from([200, 404, 429, 503]),
    purpose=st.sampled_from(["image", "redirect", "robots"]),
    bytes=st.integers(0, 5000),
    rate_limit=st.sampled_from([0.5, 2.0]),
)


def measured(made: Made) -> dict[str, dict[Any, Any]]:
    """Servers and politeness by server; rates by server and time."""
    with made.open() as collection:
        tables = measure_requests(collection)
    by_server = {name: {row["server"]: row for row in tables[name]} for name in ("servers", "politeness")}
    return {**by_server, "rates": {(row["server"], row["time"]): row for row in tables["rates"]}}


def most_within(seconds: float, times: list[int]) -> int:
    return max((sum(start <= time < start + seconds * 1e6 for time in times) for start in times), default=0)


@settings(max_examples=40)
@given(st.lists(requests, max_size=40), st.lists(requests, max_size=10))
def test_every_number_is_that_of_a_walk_through_the_requests(
    one: list[dict[str, Any]], two: list[dict[str, Any]]
) -> None:
    errors = [(-3, "robots"), (-4, "opt-out"), (-4, "opt-out"), (-5, "parked"), (404, "gone")]
    shards = [
        Shard("a.org", 0, images=[Image("u"), Image("v")], requests=one),
        Shard("b.org:81", 3, errors=errors, requests=two),
        Shard("c.org", 0, "ignored"),
    ]
    with TemporaryDirectory() as folder:
        made = write_collection(Path(folder), shards, downloader_parameters=PARAMETERS)
        made.paths.profiles.write_text(PROFILES)
        tables = measured(made)
    of_server = defaultdict[str, list[dict[str, Any]]](list)
    for row in one + two:
        of_server[row["server"]].append(row)
    assert tables["servers"].keys() == {"a.org", "b.org:81", "c.org", *of_server}
    for server, sent in of_server.items():
        row, polite = tables["servers"][server], tables["politeness"][server]
        times = [request["time"] for request in sent]
        limit = {"a.org": 2.5, "b.org:81": 0.2}.get(server, 1.0)
        assert row["requests"] == polite["requests"] == len(sent)
        assert row["bytes"] == sum(request["bytes"] for request in sent)
        assert row["seconds"] == len({time // 1_000_000 for time in times})
        assert polite["most_in_1_second"] == most_within(1, times)
        assert polite["most_in_10_seconds"] == most_within(10, times)
        assert polite["rate_limit"] == limit
        held = most_within(1, times) <= max(1, math.ceil(limit)) and most_within(10, times) <= math.ceil(10 * limit)
        assert polite["held"] == held
        assert (polite["share"] <= 1) == held
        assert polite["slow_downs"] == sum(request["status"] in (429, 503) for request in sent)
    assert_rates(tables["rates"], one + two)
    a, b, c = (tables["servers"][server] for server in ("a.org", "b.org:81", "c.org"))
    assert (a["rows"], a["images"], a["errors"], a["not_done"], a["ignored"]) == (2, 2, 0, 0, 0)
    assert (b["rows"], b["images"], b["errors"], b["not_done"], b["ignored"]) == (5, 0, 5, 0, 0)
    assert (c["rows"], c["images"], c["errors"], c["not_done"], c["ignored"]) == (5, 0, 0, 5, 1)
    assert (a["rate_limit"], a["learned_rate"], b["rate_limit"]) == (2.5, 1.25, 0.2)
    assert all(map(math.isnan, (b["learned_rate"], c["rate_limit"])))
    refused = tables["politeness"]["b.org:81"]
    assert [refused[name] for name in ("refused_by_robots", "refused_by_opt_out", "parked")] == [1, 2, 1]


def assert_rates(rates: dict[tuple[str, int], dict[str, Any]], sent: list[dict[str, Any]]) -> None:
    """In bins of a second, as the requests are within a minute."""
    counts = Counter[tuple[str, int]]()
    received, images = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in sent:
        for key in (("", row["time"] // 1_000_000), (row["server"], row["time"] // 1_000_000)):
            counts[key] += 1
            received[key] += row["bytes"]
            images[key] += row["status"] == 200 and row["purpose"] != "robots"
    assert {key: row["requests_per_second"] for key, row in rates.items()} == counts
    assert {key: row["bytes_per_second"] for key, row in rates.items()} == {key: received[key] for key in counts}
    assert {key: row["images_per_second"] for key, row in rates.items()} == {key: images[key] for key in counts}
    assert all(row["seconds"] == 1 for row in rates.values())
    assert all(math.isnan(row["rate_limit"]) == (server == "") for (server, _), row in rates.items())


def test_the_pace_of_a_server_is_that_of_its_lanes_together(tmp_path: Path) -> None:
    sent = [request("a.org", START, rate_limit=0.5), request("a.org", START + 0.5, rate_limit=1.0)]
    made = write_collection(tmp_path, [Shard(requests=sent, images=[Image("u")])])
    config = made.paths.schedule / "_config.csv"
    config.parent.mkdir(parents=True)
    config.write_text("index,server_name,total_batches,process_per_node,nodes\n0,a.org,9,1,4\n")
    assert measured(made)["rates"]["a.org", START]["rate_limit"] == 4 * 0.75


@given(st.integers(1, 10 * 365 * DAY))
def test_stretches_of_time_are_few_and_of_whole_units(span: int) -> None:
    length = bin_seconds(span)
    assert span / length <= MOST_BINS
    assert length in BIN_SECONDS or length % DAY == 0


@pytest.mark.parametrize(
    ("limit", "in_second", "in_ten"), [(0.05, 1, 1), (0.1, 1, 1), (0.7, 1, 7), (1.1, 2, 11), (50, 50, 500)]
)
def test_a_limit_allows_whole_requests(limit: float, in_second: int, in_ten: int) -> None:
    assert (allowed_in(1, limit), allowed_in(10, limit)) == (in_second, in_ten)


def test_only_the_busiest_servers_have_rates_of_their_own(tmp_path: Path) -> None:
    sent = [request(f"s{number:02}.org", START, uuid=None) for number in range(30) for _ in range(1 + number // 10)]
    rates = measured(write_collection(tmp_path, [Shard(requests=sent, images=[Image("u")])]))["rates"]
    assert {server for server, _ in rates} == {"", *(f"s{number:02}.org" for number in range(10, 30))}
    assert rates["", START]["requests_per_second"] == len(sent)


def test_a_rate_that_is_none_is_named(tmp_path: Path) -> None:
    made = write_collection(tmp_path, [Shard(images=[Image("u")])])
    made.paths.profiles.write_text("server_name,rate_limit\na.org,fast\n")
    with pytest.raises(
        InputError, match=r"profiles\.csv, field 'rate_limit': expected requests a second, found 'fast'"
    ):
        measured(made)


def test_without_a_request_nothing_is_claimed(tmp_path: Path) -> None:
    tables = measured(write_collection(tmp_path, [Shard(errors=[(-3, "robots")])]))
    assert not tables["rates"]
    assert tables["politeness"]["a.org"]["held"] == -1
    assert math.isnan(tables["servers"]["a.org"]["images_per_second"])
