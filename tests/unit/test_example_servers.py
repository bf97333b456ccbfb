"""Each example server behaves as `resources/example/README.md` says, over real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageFile

from resources.example.behaviours import LIMIT_PER_SECOND
from resources.example.collection import HOST, SERVERS, Fault, Photo, address, photos
from resources.example.render import cached, render_all
from resources.example.servers import PortTakenError, start
from tests.servers import ROOT, free_ports
from treeline.errors import ImageError
from treeline.io.images import decode


def photo_with(fault: Fault) -> Photo:
    return next(photo for photo in photos() if photo.fault is fault)


def photos_on(server: str) -> list[Photo]:
    return [photo for photo in photos() if photo.server == server]


@asynccontextmanager
async def client_of(server: str, folder: Path, *asked_for: Photo) -> AsyncIterator[httpx.AsyncClient]:
    """Start one server with some of its photos rendered; its access log is in `folder`."""
    render_all(asked_for, folder)
    first_port = free_ports(len(SERVERS))
    runner = await start(server, first_port, images=folder, logs=folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://{address(server, first_port)}") as client:
            yield client
    finally:
        await runner.cleanup()


def ask(server: str, folder: Path, photo: Photo, *, times: int = 1) -> list[httpx.Response]:
    async def requests() -> list[httpx.Response]:
        async with client_of(server, folder, photo) as client:
            return [await client.get(photo.path) for _ in range(times)]

    return asyncio.run(requests())


@pytest.mark.parametrize("server", ["fast", "mixed", "slow", "limited"])
def test_a_sound_photo_arrives_as_it_was_rendered(server: str, tmp_path: Path) -> None:
    photo = photos_on(server)[0]
    (response,) = ask(server, tmp_path, photo)
    assert response.content == cached(photo, tmp_path).read_bytes()
    assert response.headers["Content-Type"] == f"image/{photo.format}"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.MISSING, 404), (Fault.GONE, 410), (Fault.FORBIDDEN, 403), (Fault.FAILING, 500), (Fault.REDIRECT_LOOP, 302)],
)
def test_refusals_stay(fault: Fault, status: int, tmp_path: Path) -> None:
    responses = ask("broken", tmp_path, photo_with(fault), times=3)
    assert [response.status_code for response in responses] == [status] * 3


def test_redirect_loop_leads_to_itself(tmp_path: Path) -> None:
    photo = photo_with(Fault.REDIRECT_LOOP)
    (response,) = ask("broken", tmp_path, photo)
    assert response.headers["Location"] == photo.path


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.CORRUPT, Fault.HTML, Fault.EMPTY])
def test_unreadable_bodies_come_with_status_200_and_an_image_s_type(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loading the detector, as other tests in this process may have done, makes Pillow take cut-off images for good.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    (response,) = ask("broken", tmp_path, photo_with(fault))
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/jpeg")
    with pytest.raises(ImageError):
        decode(response.content)
    with pytest.raises(OSError):  # noqa: PT011: Pillow's own judgement; its texts differ
        Image.open(io.BytesIO(response.content)).load()


def test_hanging_up(tmp_path: Path) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        ask("broken", tmp_path, photo_with(Fault.HANGING_UP))


def test_flaky_photo_comes_at_the_second_try(tmp_path: Path) -> None:
    photo = photo_with(Fault.FLAKY)
    responses = ask("broken", tmp_path, photo, times=3)
    assert [response.status_code for response in responses] == [503, 200, 200]
    assert responses[1].content == cached(photo, tmp_path).read_bytes()


def test_redirect_leads_to_the_sound_photo(tmp_path: Path) -> None:
    photo = photo_with(Fault.REDIRECT)

    async def follow() -> httpx.Response:
        async with client_of("broken", tmp_path, photo) as client:
            return await client.get(photo.path, follow_redirects=True)

    response = asyncio.run(follow())
    assert response.content == cached(photo, tmp_path).read_bytes()
    assert len(response.history) == 1


def test_limit_refuses_what_is_asked_too_fast_and_says_when_to_come_back(tmp_path: Path) -> None:
    photo = photos_on("limited")[0]

    async def flood() -> list[httpx.Response]:
        async with client_of("limited", tmp_path, photo) as client:
            return await asyncio.gather(*(client.get(photo.path) for _ in range(LIMIT_PER_SECOND + 5)))

    refused = [response for response in asyncio.run(flood()) if response.status_code == 429]
    assert len(refused) == 5
    assert {response.headers["Retry-After"] for response in refused} == {"1"}


def test_access_log_has_a_line_for_each_request(tmp_path: Path) -> None:
    photo = photo_with(Fault.FLAKY)
    ask("broken", tmp_path, photo, times=2)
    lines = [json.loads(line) for line in (tmp_path / "broken.jsonl").read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [(photo.path, 503), (photo.path, 200)]
    assert lines[0]["monotonic"] <= lines[1]["monotonic"]
    assert lines[1]["bytes"] > cached(photo, tmp_path).stat().st_size
    assert lines[0].keys() == {"time", "monotonic", "server", "path", "status", "bytes"}


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    first_port = free_ports(len(SERVERS))
    with socket.socket() as other:
        other.bind((HOST, first_port + SERVERS.index("slow")))
        other.listen()
        with pytest.raises(PortTakenError, match=f"port {first_port + 2} on {HOST}"):
            asyncio.run(start("slow", first_port, tmp_path, tmp_path))


SERVE = """
import asyncio, sys
from pathlib import Path
from resources.example.servers import serve
folder, first_port = Path(sys.argv[1]), int(sys.argv[2])
asyncio.run(serve(first_port, folder, folder, while_stdin_is_open=True))
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_servers_announce_themselves_and_stop_when_told(how: signal.Signals | None, tmp_path: Path) -> None:
    first_port = free_ports(len(SERVERS))
    command = [sys.executable, "-c", SERVE, str(tmp_path), str(first_port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as servers:
        assert servers.stdin is not None
        assert servers.stdout is not None
        announced = json.loads(servers.stdout.readline())
        for host_port in announced.values():
            assert httpx.get(f"http://{host_port}/no/such.jpeg").status_code == 404
        if how is None:
            servers.stdin.close()
        else:
            servers.send_signal(how)
        assert servers.wait() == 0
    assert announced == {server: address(server, first_port) for server in SERVERS}
