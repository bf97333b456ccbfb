"""What is not asked, or asked no more: private addresses, however a URL or a redirect leads there, and dead servers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.batches import write_batch
from tests.servers import ImageServer, Reply
from tests.torture.case import GOOD, IPV6, NAMED, ORDINARY, PARAMETERS, VERIFIED, redirect
from tests.torture.images import PHOTO
from tests.torture.runner import MODES, fetch_shards, link_shards, rows_of
from tests.torture.server import TortureServers

pytestmark = pytest.mark.parametrize("mode", MODES)

ROWS = 30
LITERALS = ("127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[fe80::1]")


def download(
    mode: str, folder: Path, urls: Sequence[str], environment: Mapping[str, str] = os.environ, **changes: Any
) -> dict[str, dict[str, Any]]:
    """Download a batch; gives each URL's row."""
    shard = "server_name=photos.example/partition_id=0"
    write_batch(folder / "urls" / shard / "urls.parquet", urls)
    parameters = {**PARAMETERS, **changes}
    fetch_shards(mode, folder, [shard], parameters, environment)
    link_shards(folder, [shard], parameters)
    return {row["identifier"]: row for row in rows_of(folder / "images" / shard)}


def test_private_addresses_are_not_asked(mode: str, tmp_path: Path) -> None:
    sites = (ORDINARY, VERIFIED, IPV6, NAMED)
    with TortureServers(sites) as servers:
        port = servers[ORDINARY].port
        urls = [f"{servers.origin(site)}/a.jpg" for site in sites]
        urls += [f"http://{host}:{port}/a.jpg" for host in LITERALS]
        environment = {**os.environ, "SSL_CERT_FILE": str(servers.authority_file)}
        rows = download(mode, tmp_path, urls, environment, allow_private_addresses=False)
        assert [servers[site].requests() for site in sites] == [[]] * len(sites)
    for url in urls:
        assert rows[url]["error_code"] == -1
        assert "private address" in rows[url]["error_msg"], url


def test_a_public_server_cannot_send_us_to_a_private_address(mode: str, tmp_path: Path) -> None:
    """A proxy on loopback plays the public servers: it is asked for their URLs, and gives their redirects."""
    targets = {f"http://photos.example/{number}.jpg": f"http://{host}/" for number, host in enumerate(LITERALS)}
    fine = {"http://photos.example/moved.jpg": "http://other.example/new.jpg"}
    with ImageServer() as proxy:
        for url, target in (targets | fine).items():
            proxy.add(url, redirect(target))
        proxy.add("http://other.example/new.jpg", GOOD)
        environment = {**os.environ, "http_proxy": proxy.url(""), "no_proxy": ""}
        rows = download(mode, tmp_path, [*targets, *fine], environment, allow_private_addresses=False)
        asked = {request.path for request in proxy.requests()}
    assert asked - {f"http://{host}.example/robots.txt" for host in ("photos", "other")} == {
        *targets,
        *fine,
        "http://other.example/new.jpg",
    }
    for url in targets:
        assert rows[url]["error_code"] == -1
        assert "private address" in rows[url]["error_msg"], url
    assert rows["http://photos.example/moved.jpg"]["original_size"] == [240, 320]


@pytest.mark.parametrize("answers", [0, 5])
def test_a_server_that_stops_to_answer_is_parked(mode: str, answers: int, tmp_path: Path) -> None:
    """Its rows do not each wait for the time limit: after `patience` seconds the rest of them are given up."""
    silence = Reply(PHOTO, delay_seconds=60)
    with ImageServer() as server:
        if not answers:
            server.add("/robots.txt", silence)
        urls = [server.add(f"/{row}.jpg", GOOD if row < answers else silence) for row in range(ROWS)]
        rows = download(mode, tmp_path, urls, timeout=0.5, patience=1.0, max_concurrency=2, max_retries=1)
        asked = {request.path for request in server.requests()}
    codes = [rows[url].get("error_code") for url in urls]
    assert codes[:answers] == [None] * answers
    assert set(codes[answers:]) == {-1, -5}
    assert codes[-1] == -5
    for url, code in zip(urls, codes, strict=True):
        if code == -5:
            assert "has stopped to answer" in rows[url]["error_msg"]
    assert len(asked) < ROWS / 2
