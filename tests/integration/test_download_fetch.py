"""Fetching from a real server: retries, limits, redirects, and what is never asked."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zstandard

from tests.servers import ImageServer, Reply
from treeline.config_download import DownloaderParameters
from treeline.download.addresses import is_private_literal
from treeline.download.answer import FetchError
from treeline.download.breaker import Breaker
from treeline.download.client import open_transport
from treeline.download.exchange import Exchange
from treeline.download.fetch import Fetcher, ImageUrl, from_environment
from treeline.download.memory import ByteBudget
from treeline.download.pace import Pace
from treeline.download.servers import LeaveAloneError, Server, Servers
from treeline.errors import ConfigError

CARRIERS = ["224.0.0.1", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[fec0::1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]"]
"""Addresses that reach a private one by multicast, translation or tunnel."""

LIMITS = {
    "allow_private_addresses": True,
    "obey_robots_txt": False,
    "default_rate_limit": 1e6,
    "backoff": 0.01,
    "timeout": 5.0,
    "max_retries": 2,
}
BODY = b"\xff\xd8 not really an image " * 100


def fetch(url: str, rate: float = 1e6, **changes: object) -> tuple[bytes, int]:
    parameters = DownloaderParameters.model_validate({**LIMITS, **changes})

    async def run(turns: Path) -> tuple[bytes, int]:
        async with open_transport(parameters) as transport:
            own = Server("own", Pace(rate, 0.5), Breaker(parameters.patience), None, is_own=True)
            servers = Servers(own, parameters, None, turns)
            fetcher = Fetcher(Exchange(transport, parameters), servers, parameters)
            with ByteBudget(parameters.max_bytes_in_flight).holding() as held:
                body, attempts = await fetcher.fetch(ImageUrl(url, "uuid"), held)
                assert body is not None
                return body, attempts

    with TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def failure(url: str, **changes: object) -> FetchError:
    with pytest.raises(FetchError) as failed:
        fetch(url, **changes)
    return failed.value


def test_a_body_arrives_with_the_headers_that_are_configured() -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", body=BODY)
        assert fetch(url, user_agent="Owl/1 (owl@example.org)", header={"X-Token": "abc"}) == (BODY, 1)
        (request,) = server.requests("/a.jpg")
    assert request.headers["User-Agent"] == "Owl/1 (owl@example.org)"
    assert request.headers["X-Token"] == "abc"


@pytest.mark.parametrize("status", [429, 500, 501, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", Reply(status=status), Reply(status=status), Reply(BODY))
        assert fetch(url) == (BODY, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451])
def test_a_final_failure_is_not(status: int) -> None:
    with ImageServer() as server:
        error = failure(server.add("/a.jpg", status=status))
        assert (error.code, error.attempts) == (status, 1)
        assert len(server.requests("/a.jpg")) == 1


def test_retries_end() -> None:
    with ImageServer() as server:
        error = failure(server.add("/a.jpg", status=503), max_retries=3)
        assert (error.code, error.attempts) == (503, 4)
        assert len(server.requests("/a.jpg")) == 4


def test_retry_after_is_obeyed() -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", Reply(status=429, headers={"Retry-After": "1"}), Reply(BODY))
        assert fetch(url, backoff=0.0) == (BODY, 2)
        first, second = server.requests("/a.jpg")
    assert second.time - first.time >= 0.99


def test_a_server_that_asks_for_a_long_wait_is_left_alone() -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", status=503, headers={"Retry-After": "3600"})
        with pytest.raises(LeaveAloneError, match="left alone for 3600 s"):
            fetch(url, max_backoff=10.0)
        assert len(server.requests()) == 1


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    with ImageServer() as server:
        announced = server.add("/announced.jpg", body=bytes(300_000))
        endless = server.add("/endless.jpg", body=bytes(10_000), endless=True)
        for url in (announced, endless):
            error = failure(url, max_image_bytes=100_000)
            assert (error.code, error.attempts) == (-2, 1)
            assert "larger than 100000 bytes" in error.reason


def test_a_small_body_that_unpacks_to_a_large_one_is_refused() -> None:
    bomb = gzip.compress(bytes(5_000_000))
    assert len(bomb) < 100_000
    with ImageServer() as server:
        url = server.add("/bomb.jpg", body=bomb, headers={"Content-Encoding": "gzip"})
        assert failure(url, max_image_bytes=100_000).code == -2


def test_an_encoding_that_unpacks_without_bound_is_refused() -> None:
    bomb = zstandard.compress(bytes(200_000_000))
    with ImageServer() as server:
        url = server.add("/bomb.jpg", body=bomb, headers={"Content-Encoding": "zstd"})
        error = failure(url, max_image_bytes=100_000)
        assert (error.code, error.attempts) == (-2, 1)
        assert server.requests()[0].headers["Accept-Encoding"] == "identity"


def test_a_packed_body_is_unpacked() -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
        assert fetch(url) == (BODY, 1)


def test_a_drip_is_cut_off_by_the_time_limit() -> None:
    with ImageServer() as server:
        url = server.add("/drip.jpg", body=bytes(1000), chunk_bytes=1, pause_seconds=0.05)
        error = failure(url, timeout=0.3, max_retries=1)
    assert (error.code, error.attempts) == (-1, 2)
    assert error.reason == "no complete answer within 0.3 s"


@pytest.mark.parametrize("reply", [Reply(BODY, missing_bytes=100), Reply(reset=True)])
def test_a_broken_connection_is_tried_again(reply: Reply) -> None:
    with ImageServer() as server:
        assert fetch(server.add("/a.jpg", reply, Reply(BODY)))[0] == BODY
        assert len(server.requests("/a.jpg")) == 2
        error = failure(server.add("/b.jpg", reply))
        assert (error.code, error.attempts) == (-1, 3)


def test_nobody_listening_is_a_network_error() -> None:
    with ImageServer() as server:
        url = server.url("/a.jpg")
    error = failure(url)
    assert (error.code, error.attempts) == (-1, 3)


def test_redirects_are_followed_as_far_as_allowed() -> None:
    with ImageServer() as server:
        for number in range(4):
            server.add(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
        server.add("/4", body=BODY)
        assert fetch(server.url("/0"), max_redirects=4) == (BODY, 1)
        error = failure(server.url("/0"), max_redirects=3)
        assert (error.code, error.attempts) == (-1, 1)
        assert error.reason == "more than 3 redirects"


def test_a_redirected_request_has_no_body_and_takes_its_turn() -> None:
    with ImageServer() as server:
        for number in range(3):
            server.add(f"/{number}", status=302, headers={"Location": f"/{number + 1}"})
        server.add("/3", body=BODY)
        fetch(server.url("/0"), rate=20.0)
        requests = server.requests()
    assert all("Transfer-Encoding" not in request.headers for request in requests)
    assert requests[-1].time - requests[0].time >= 0.9 * 3 / 20


def test_a_configured_header_is_for_the_first_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREELINE_TEST_TOKEN", "secret")
    with ImageServer() as first, ImageServer() as other:
        url = first.add("/a", status=302, headers={"Location": other.add("/b", body=BODY)})
        fetch(url, header={"X-Token": "Bearer $TREELINE_TEST_TOKEN"})
        assert first.requests()[0].headers["X-Token"] == "Bearer secret"
        assert "X-Token" not in other.requests()[0].headers


def test_a_missing_environment_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="TREELINE_NO_SUCH is not set|'TREELINE_NO_SUCH' is not set"):
        from_environment("$TREELINE_NO_SUCH")
    assert from_environment("a$$b") == "a$b"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:image/png;base64,AAAA"])
def test_a_redirect_out_of_http_is_refused(target: str) -> None:
    with ImageServer() as server:
        error = failure(server.add("/a", status=302, headers={"Location": target}))
    assert (error.code, error.attempts) == (-1, 1)


def test_private_addresses_are_asked_only_when_allowed() -> None:
    with ImageServer() as server:
        server.add("/a.jpg", body=BODY)
        port = server.address.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
            error = failure(f"http://{host}:{port}/a.jpg", allow_private_addresses=False)
            assert (error.code, error.attempts) == (-1, 1), host
            assert "private address" in error.reason
        assert server.requests() == []


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "192.168.0.1", "169.254.169.254", "[fe80::1]", "0.0.0.0", "100.64.0.1", *CARRIERS]
)
def test_private_literals_are_recognised(host: str) -> None:
    assert is_private_literal(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "example.org", "[2606:4700::1111]", "10.example.org"])
def test_public_hosts_are_left_to_the_resolver(host: str) -> None:
    assert not is_private_literal(host)
