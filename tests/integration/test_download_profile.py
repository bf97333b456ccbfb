"""Servers are measured: what is asked, what follows from it, and what is kept."""

from __future__ import annotations

import csv
import gzip
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.batches import list_batches, write_batch
from tests.servers import ImageServer, Reply
from treeline.config_download import DownloaderParameters
from treeline.download.profile import ProfileFiles, profile_servers
from treeline.errors import ConfigError
from treeline.io.manifest import read_ignored
from treeline.io.names import encode_server_name
from treeline.paths import shard_folder

BODY = b"\xff\xd8 not really an image " * 100
LIMITS = {"allow_private_addresses": True, "default_rate_limit": 100.0, "timeout": 20.0}


def write_batches(folder: Path, servers: Mapping[str, list[str]]) -> None:
    """One batch for each server, and the manifest."""
    for server, urls in servers.items():
        write_batch(folder / "urls" / shard_folder(encode_server_name(server), 0) / "urls.parquet", urls)
    list_batches(folder / "urls")


def files_in(folder: Path) -> ProfileFiles:
    """What profiling reads and writes."""
    return ProfileFiles(
        manifest=folder / "urls/manifest.parquet",
        urls=folder / "urls",
        ignored=folder / "ignored.csv",
        profiles=folder / "profiles.csv",
        schedules=folder / "schedules",
        checkpoint=folder / "checkpoint.yaml",
    )


def profile(folder: Path, *, samples: int = 5, from_rows: int = 0, **changes: object) -> None:
    """Measure the servers."""
    parameters = DownloaderParameters.model_validate({**LIMITS, **changes})
    profile_servers(files_in(folder), parameters, samples=samples, from_rows=from_rows)


def command(folder: Path) -> list[str]:
    """What does the same as `profile`, as Snakemake runs it."""
    options = files_in(folder)._asdict().items()
    return [
        *(sys.executable, "-m", "treeline", "download", "profile", "--samples", "5", "--from-rows", "0"),
        *(str(word) for name, file in options for word in (f"--{name}", file)),
        *("--parameters", json.dumps(LIMITS)),
    ]


def table(path: Path) -> dict[str, dict[str, str]]:
    """A CSV table's rows by server."""
    with path.open(newline="") as file:
        return {row["server_name"]: row for row in csv.DictReader(file)}


def measured(folder: Path, server: ImageServer) -> dict[str, str]:
    return table(folder / "schedules/server_profiles.csv")[server.address]


def rate_limit(folder: Path, server: ImageServer) -> float:
    return float(table(folder / "profiles.csv")[server.address]["rate_limit"])


def add_images(server: ImageServer, count: int, *replies: Reply) -> list[str]:
    return [server.add(f"/{number}.jpg", *replies) for number in range(count)]


@contextmanager
def dead_server() -> Iterator[str]:
    """A server's name at which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


def test_a_good_server_is_measured_and_gets_the_full_rate(tmp_path: Path) -> None:
    packed = Reply(gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    with ImageServer() as server:
        urls = [server.add("/first.jpg", Reply(BODY), Reply(BODY[:1], status=206), packed)]
        urls += [*add_images(server, 3, Reply(BODY)), server.url("/missing.jpg")]
        write_batches(tmp_path, {server.address: urls})
        subprocess.run(command(tmp_path), check=True)
        asked = server.requests()
    row = measured(tmp_path, server)
    assert (row["samples"], row["allowed"], row["statuses"], row["failures"]) == ("5", "5", "200:4 404:1", "0")
    assert (row["body_bytes"], row["ranges"], row["compression"]) == (str(len(BODY)), "true", "gzip")
    assert (row["robots_status"], row["crawl_delay"], row["announced_rate"]) == ("404", "", "")
    assert 0 < float(row["seconds_to_first_byte"]) <= float(row["seconds_to_last_byte"])
    assert rate_limit(tmp_path, server) == float(row["proposed_rate_limit"]) == 100.0
    assert [request.path for request in asked[:2]] == ["/robots.txt", "/first.jpg"]
    assert len(asked) == 1 + 5 + 2
    assert [request.headers.get("Range") for request in asked] == [None] * 6 + ["bytes=0-0", None]
    assert asked[-1].headers["Accept-Encoding"] == "gzip, deflate"
    assert {request.headers["Accept-Encoding"] for request in asked[:-1]} == {"identity"}
    assert server.most_at_once == 1


def test_a_slow_server_gets_what_it_can_answer(tmp_path: Path) -> None:
    with ImageServer() as server:
        write_batches(tmp_path, {server.address: add_images(server, 3, Reply(BODY, delay_seconds=0.2))})
        profile(tmp_path, max_concurrency=2)
    assert float(measured(tmp_path, server)["seconds_to_first_byte"]) >= 0.2
    assert rate_limit(tmp_path, server) <= 2 / 0.2


def test_a_crawl_delay_is_kept_while_measuring_and_afterwards(tmp_path: Path) -> None:
    with ImageServer() as server:
        server.add("/robots.txt", body=b"User-agent: *\nCrawl-delay: 0.5", content_type="text/plain")
        urls = add_images(server, 4, Reply(BODY, headers={"Accept-Ranges": "bytes"}))
        write_batches(tmp_path, {server.address: urls})
        profile(tmp_path)
        times = [server.requests(f"/{number}.jpg")[0].time for number in range(4)]
    assert times[-1] - times[0] >= 1.0  # 3 x 0.5, but for what the way to the server takes
    row = measured(tmp_path, server)
    assert (row["robots_status"], row["crawl_delay"], row["ranges"]) == ("200", "0.5", "true")
    assert rate_limit(tmp_path, server) == 2.0


def test_what_robots_txt_disallows_is_not_asked_for(tmp_path: Path) -> None:
    with ImageServer() as server:
        server.add("/robots.txt", body=b"User-agent: owl\nDisallow: /1", content_type="text/plain")
        write_batches(tmp_path, {server.address: add_images(server, 3, Reply(BODY))})
        profile(tmp_path, user_agent="Owl/1 (owl@example.org)")
        assert server.requests("/1.jpg") == []
        assert len(server.requests("/2.jpg")) == 1
        row = measured(tmp_path, server)
        assert (row["samples"], row["allowed"], row["statuses"]) == ("3", "2", "200:2")


def test_a_redirect_is_followed_where_the_other_server_allows_it(tmp_path: Path) -> None:
    with ImageServer() as server, ImageServer() as open_server, ImageServer() as closed_server:
        closed_server.add("/robots.txt", body=b"User-agent: *\nDisallow: /", content_type="text/plain")
        server.add("/robots.txt", body=b"User-agent: *\nDisallow: /private", content_type="text/plain")
        replies = [
            Reply(status=302, headers={"Location": open_server.add("/a.jpg", body=BODY)}),
            Reply(status=302, headers={"Location": closed_server.add("/a.jpg", body=BODY)}),
            Reply(status=302, headers={"Location": "/2.jpg"}),
            Reply(status=302, headers={"Location": "/private.jpg"}),
        ]
        urls = [server.add(f"/{number}.jpg", reply) for number, reply in enumerate(replies)]
        write_batches(tmp_path, {server.address: urls})
        profile(tmp_path, header={"X-Token": "secret"}, max_redirects=3)
        assert measured(tmp_path, server)["statuses"] == "200:1 302:3"
        assert len(server.requests("/2.jpg")) == 4
        assert server.requests("/private.jpg") == []
        assert {request.headers.get("X-Token") for request in server.requests("/0.jpg")} == {"secret"}
        assert "X-Token" not in server.requests("/robots.txt")[0].headers
        assert {request.headers.get("X-Token") for request in open_server.requests()} == {None}
        assert [request.path for request in closed_server.requests()] == ["/robots.txt"]


def test_an_announced_rate_is_kept(tmp_path: Path) -> None:
    headers = {"RateLimit-Policy": '"hour";q=1800;w=3600', "RateLimit": '"hour";r=1700;t=60'}
    with ImageServer() as server:
        write_batches(tmp_path, {server.address: add_images(server, 2, Reply(BODY, headers=headers))})
        profile(tmp_path)
    assert measured(tmp_path, server)["announced_rate"] == "0.5"
    assert rate_limit(tmp_path, server) == 0.5


@pytest.mark.parametrize(
    ("reply", "asked", "rate"),
    [
        (Reply(status=429), 3, 12.5),
        (Reply(status=503, headers={"Retry-After": "3600"}), 1, 50.0),
        (Reply(BODY, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}), 1, 100.0),
    ],
)
def test_a_server_that_has_enough_is_left_alone(tmp_path: Path, reply: Reply, asked: int, rate: float) -> None:
    with ImageServer() as server:
        write_batches(tmp_path, {server.address: add_images(server, 3, reply)})
        profile(tmp_path)
        assert len(server.requests()) == 1 + asked
    assert measured(tmp_path, server)["statuses"] == f"{reply.status}:{asked}"
    assert rate_limit(tmp_path, server) == rate


def test_a_large_body_is_not_read_to_its_end(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [
            server.add("/announced.jpg", Reply(bytes(100_000), missing_bytes=50_000_000 - 100_000, endless=False)),
            server.add("/endless.jpg", body=bytes(100_000), endless=True),
            server.add("/large.jpg", body=bytes(5_000_000)),
        ]
        write_batches(tmp_path, {server.address: urls})
        profile(tmp_path)
    row = measured(tmp_path, server)
    assert (row["statuses"], row["failures"], row["body_bytes"]) == ("200:2", "1", "5000000")
    assert row["failure"]


def test_servers_without_an_answer_are_flagged_for_the_ignored_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ImageServer() as server, dead_server() as dead:
        write_batches(
            tmp_path, {server.address: [server.url("/missing.jpg")], dead: [f"http://{dead}/{n}.jpg" for n in range(3)]}
        )
        profile(tmp_path)
        unreachable = table(tmp_path / "schedules/unreachable.csv")
        assert unreachable.keys() == {dead}
        assert "Cannot connect to host" in unreachable[dead]["reason"]
        assert "1 servers gave not one answer" in caplog.text
        assert str(tmp_path / "schedules/unreachable.csv") in caplog.text
        assert table(tmp_path / "profiles.csv")[dead]["rate_limit"] == "100.0"

        (tmp_path / "schedules/unreachable.csv").rename(tmp_path / "ignored.csv")
        assert read_ignored(tmp_path / "ignored.csv") == {encode_server_name(dead)}
        profile(tmp_path)
        assert table(tmp_path / "schedules/unreachable.csv") == {}
        assert table(tmp_path / "schedules/server_profiles.csv").keys() == {server.address}


def test_a_private_address_is_not_asked(tmp_path: Path) -> None:
    with ImageServer() as server:
        write_batches(tmp_path, {server.address: add_images(server, 1, Reply(BODY))})
        profile(tmp_path, allow_private_addresses=False)
        assert server.requests() == []
    assert "private address" in table(tmp_path / "schedules/unreachable.csv")[server.address]["reason"]


def test_after_a_kill_only_the_missing_servers_are_asked(tmp_path: Path) -> None:
    with ImageServer() as fast, ImageServer() as stuck:
        urls = {fast.address: add_images(fast, 2, Reply(BODY))}
        urls[stuck.address] = add_images(stuck, 2, Reply(BODY, delay_seconds=60))
        write_batches(tmp_path, urls)
        kept = tmp_path / f"schedules/.profiling/{encode_server_name(fast.address)}.json"
        with subprocess.Popen(command(tmp_path)) as running:
            deadline = time.monotonic() + 60
            while not (kept.exists() and stuck.requests("/0.jpg")) and time.monotonic() < deadline:
                time.sleep(0.01)
            running.kill()
        assert kept.exists()
        assert not (tmp_path / "profiles.csv").exists()
        asked = len(fast.requests())
        add_images(stuck, 2, Reply(BODY))
        profile(tmp_path)
        assert len(fast.requests()) == asked
        assert {row["statuses"] for row in table(tmp_path / "schedules/server_profiles.csv").values()} == {"200:2"}
        assert len(stuck.requests("/1.jpg")) == 1
        tables = [(tmp_path / name).read_bytes() for name in ("profiles.csv", "schedules/server_profiles.csv")]
        profile(tmp_path)
        assert len(fast.requests()) == asked
        assert tables == [(tmp_path / name).read_bytes() for name in ("profiles.csv", "schedules/server_profiles.csv")]


def test_a_rate_in_the_table_stays_and_a_new_server_gets_its_own(tmp_path: Path) -> None:
    (tmp_path / "profiles.csv").write_text("server_name,rate_limit,learned_rate\n")
    with ImageServer() as server, ImageServer() as other:
        for each in (server, other):
            each.add("/robots.txt", body=b"User-agent: *\nCrawl-delay: 0.1", content_type="text/plain")
        (tmp_path / "profiles.csv").write_text(f"server_name,rate_limit,learned_rate\n{server.address},42,7\n")
        write_batches(tmp_path, {each.address: add_images(each, 1, Reply(BODY)) for each in (server, other)})
        profile(tmp_path)
    rows = table(tmp_path / "profiles.csv")
    assert (rows[server.address]["rate_limit"], rows[server.address]["learned_rate"]) == ("42", "7")
    assert rows[other.address]["rate_limit"] == "10.0"
    assert measured(tmp_path, server)["proposed_rate_limit"] == "10.0"


def test_a_small_input_asks_nothing(tmp_path: Path) -> None:
    with ImageServer() as server:
        write_batches(tmp_path, {server.address: add_images(server, 3, Reply(BODY))})
        profile(tmp_path, from_rows=4)
        assert server.requests() == []
        assert rate_limit(tmp_path, server) == 100.0
        assert table(tmp_path / "schedules/server_profiles.csv") == {}
        assert table(tmp_path / "schedules/unreachable.csv") == {}
        assert "profiled: true" in (tmp_path / "checkpoint.yaml").read_text()
        profile(tmp_path, from_rows=3)
        assert len(server.requests("/0.jpg")) == 3


def test_nobody_is_asked_by_somebody_without_a_contact(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = {server.address: add_images(server, 1, Reply(BODY)), "a.invalid": ["http://a.invalid/a.jpg"]}
        write_batches(tmp_path, urls)
        for from_rows in (0, 1000):
            with pytest.raises(ConfigError, match="does not say whom the owner of a.invalid can reach"):
                profile(tmp_path, from_rows=from_rows)
        assert server.requests() == []
        (tmp_path / "ignored.csv").write_text("server_name\na.invalid\n")
        profile(tmp_path)
        assert len(server.requests("/robots.txt")) == 1
