"""The tests' own server sends what its script says: what a downloader must cope with is really on the wire."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.servers import ImageServer, Reply

BODY = bytes(range(256)) * 40


def test_body_status_type_and_headers_arrive() -> None:
    with ImageServer() as server:
        url = server.add("/a.png", body=BODY, status=203, content_type="image/png", headers={"X-Robots-Tag": "noai"})
        response = httpx.get(url)
    assert (response.status_code, response.content) == (203, BODY)
    assert (response.headers["Content-Type"], response.headers["X-Robots-Tag"]) == ("image/png", "noai")


def test_replies_come_in_turn_and_the_last_one_stays() -> None:
    with ImageServer() as server:
        url = server.add("/a.jpg", Reply(status=503, headers={"Retry-After": "1"}), Reply(status=429), body=BODY)
        responses = [httpx.get(url) for _ in range(4)]
    assert [response.status_code for response in responses] == [503, 429, 200, 200]
    assert responses[0].headers["Retry-After"] == "1"


def test_unknown_paths_are_not_found() -> None:
    with ImageServer() as server:
        assert httpx.get(server.url("/robots.txt")).status_code == 404


def test_requests_are_recorded_in_order_with_path_and_headers() -> None:
    with ImageServer() as server:
        server.add("/a.jpg?size=2", body=BODY)
        httpx.get(server.url("/a.jpg?size=2"), headers={"User-Agent": "A test"})
        httpx.get(server.url("/b.jpg"))
        first, second = server.requests()
        assert server.requests("/b.jpg") == [second]
    assert (first.path, first.headers["User-Agent"]) == ("/a.jpg?size=2", "A test")
    assert first.time < second.time


def test_announced_bytes_that_do_not_come() -> None:
    with ImageServer() as server, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.add("/a.jpg", body=BODY, missing_bytes=10))


def test_reset_connection() -> None:
    with ImageServer() as server, pytest.raises(httpx.ReadError):
        httpx.get(server.add("/a.jpg", body=BODY, reset=True))


def test_raw_bytes_are_sent_as_they_are() -> None:
    with ImageServer() as server:
        old = httpx.get(server.add("/old.jpg", raw=b"HTTP/1.0 200 Fine\r\n\r\n" + BODY))
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.add("/broken.jpg", raw=b"no HTTP at all\r\n\r\n"))
        with pytest.raises(httpx.ReadError):
            httpx.get(server.add("/reset.jpg", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", reset=True))
    assert (old.http_version, old.reason_phrase, old.content) == ("HTTP/1.0", "Fine", BODY)


def test_late_answer_runs_into_a_timeout() -> None:
    with ImageServer() as server, pytest.raises(httpx.ReadTimeout):
        httpx.get(server.add("/a.jpg", body=BODY, delay_seconds=30), timeout=0.2)


def test_endless_body_has_no_length_and_ends_with_the_client() -> None:
    with ImageServer() as server:
        received = 0
        with httpx.stream("GET", server.add("/a.jpg", body=BODY, endless=True)) as response:
            assert "Content-Length" not in response.headers
            for piece in response.iter_raw():
                received += len(piece)
                if received > 50 * len(BODY):
                    break
        assert httpx.get(server.add("/b.jpg", body=BODY)).content == BODY
    assert received > 50 * len(BODY)


def test_trickled_body_arrives_whole() -> None:
    with ImageServer() as server:
        response = httpx.get(server.add("/a.jpg", body=BODY, chunk_bytes=1000, pause_seconds=0.001))
    assert response.content == BODY
    assert response.headers["Content-Length"] == str(len(BODY))


def test_compressed_body_is_the_caller_s_to_make() -> None:
    with ImageServer() as server:
        body = gzip.compress(BODY)
        response = httpx.get(server.add("/a.jpg", body=body, headers={"Content-Encoding": "gzip"}))
    assert response.content == BODY
    assert int(response.headers["Content-Length"]) == len(body)


def test_redirect() -> None:
    with ImageServer() as server:
        target = server.add("/b.jpg", body=BODY)
        response = httpx.get(server.add("/a.jpg", status=302, headers={"Location": target}), follow_redirects=True)
        assert [request.path for request in server.requests()] == ["/a.jpg", "/b.jpg"]
    assert response.content == BODY


def test_requests_at_once_are_counted() -> None:
    with ImageServer() as server, ThreadPoolExecutor(3) as clients:
        url = server.add("/a.jpg", body=BODY, delay_seconds=0.5)
        responses = list(clients.map(httpx.get, [url] * 3))
        assert server.most_at_once == 3
    assert [response.content for response in responses] == [BODY] * 3
