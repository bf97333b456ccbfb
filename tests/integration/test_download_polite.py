"""What a shard's job does not do to servers: too much, too fast, against their will, or again for nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.batches import encoded, photo, write_batch
from tests.servers import ImageServer, Reply

IMAGE = encoded(photo(320, 240))
OTHER_IMAGE = encoded(photo(320, 240, seed=1))
PARAMETERS = {
    "allow_private_addresses": True,
    "user_agent": "Owl/1 (owl@example.org)",
    "default_rate_limit": 1e6,
    "image_size": 64,
    "backoff": 0.01,
    "max_retries": 1,
}


def command(folder: Path, urls: Sequence[str], *options: str, **changes: object) -> list[str]:
    write_batch(folder / "urls.parquet", urls)
    return [
        *(sys.executable, "-m", "treeline", "download", "shard"),
        *("--batch", str(folder / "urls.parquet")),
        *("--output", str(folder / "shard")),
        *("--spool", str(spool(folder))),
        *("--requests", str(folder / "requests.parquet")),
        *("--parameters", json.dumps({**PARAMETERS, **changes})),
        *options,
    ]


def spool(folder: Path) -> Path:
    return folder.parent / ".spool" / "server_name=localhost" / folder.name


def download(folder: Path, urls: Sequence[str], *options: str, **changes: object) -> Counter[int]:
    """Download a shard.

    Returns:
        Its rows by error code; 0 for images.
    """
    done = subprocess.run(command(folder, urls, *options, **changes), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    codes = Counter(row["error_code"] for row in errors(folder))
    return codes + Counter({0: pq.read_metadata(folder / "shard/successes.parquet").num_rows})


def errors(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "shard/errors.parquet").to_pylist()


def requests(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "requests.parquet").to_pylist()


def mean_rate(server: ImageServer) -> float:
    """Requests a second between the first and the last."""
    times = [request.time for request in server.requests()]
    return (len(times) - 1) / (times[-1] - times[0])


def wait_for(condition: Callable[[], list[Path]]) -> list[Path]:
    while not (found := condition()):
        time.sleep(0.005)
    return found


def test_robots_txt_is_asked_for_once_and_obeyed(tmp_path: Path) -> None:
    rules = b"User-agent: owl\nDisallow: /private/\nUser-agent: *\nDisallow: /\n"
    with ImageServer() as server:
        server.add("/robots.txt", body=rules, content_type="text/plain")
        urls = [server.add(f"/{folder}/{row}.jpg", body=IMAGE) for row in range(3) for folder in ("public", "private")]
        assert download(tmp_path / "owl", urls) == {0: 3, -3: 3}
        assert errors(tmp_path / "owl")[0]["error_msg"] == "localhost: robots.txt disallows it"
        assert {row["retry_count"] for row in errors(tmp_path / "owl")} == {0}
        asked = Counter(request.path for request in server.requests())
        assert asked["/robots.txt"] == 1
        assert not any(path.startswith("/private/") for path in asked)
        assert download(tmp_path / "mouse", urls, user_agent="Mouse (mouse@example.org)") == {-3: 6}
        assert download(tmp_path / "deaf", urls, obey_robots_txt=False) == {0: 6}
        assert len(server.requests("/robots.txt")) == 2


@pytest.mark.parametrize(("status", "outcome"), [(404, 0), (403, 0), (500, -3)])
def test_without_a_robots_txt_all_is_allowed_and_nothing_if_the_server_cannot_say(
    tmp_path: Path, status: int, outcome: int
) -> None:
    with ImageServer() as server:
        server.add("/robots.txt", status=status)
        urls = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(3)]
        assert download(tmp_path / "shard", urls) == {outcome: 3}


def test_a_crawl_delay_is_kept(tmp_path: Path) -> None:
    with ImageServer() as server:
        server.add("/robots.txt", body=b"User-agent: *\nCrawl-delay: 0.2\n", content_type="text/plain")
        urls = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(8)]
        assert download(tmp_path / "shard", urls) == {0: 8}
        assert mean_rate(server) <= 5


def test_a_server_that_redirects_send_us_to_has_its_own_robots_txt(tmp_path: Path) -> None:
    with ImageServer() as server, ImageServer() as other:
        other.add("/robots.txt", body=b"User-agent: *\nDisallow: /\n", content_type="text/plain")
        url = server.add("/a.jpg", status=302, headers={"Location": other.add("/a.jpg", body=IMAGE)})
        assert download(tmp_path / "shard", [url]) == {-3: 1}
        assert [request.path for request in other.requests()] == ["/robots.txt"]


def test_an_opt_out_by_header_is_obeyed(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [
            server.add("/out.jpg", body=IMAGE, headers={"X-Robots-Tag": "NoAI, nofollow"}),
            server.add("/for-others.jpg", body=IMAGE, headers={"X-Robots-Tag": "otherbot: noai"}),
            server.add("/for-us.jpg", body=IMAGE, headers={"X-Robots-Tag": "owl: noindex"}),
        ]
        assert download(tmp_path / "shard", urls) == {0: 1, -4: 2}
        assert errors(tmp_path / "shard")[0]["error_msg"] == "the server says X-Robots-Tag: noai"
        assert download(tmp_path / "deaf", urls, obey_opt_out_headers=False) == {0: 3}
        assert download(tmp_path / "own", urls, opt_out_directives=["nofollow"]) == {0: 2, -4: 1}


def test_a_rate_that_the_server_announces_is_kept(tmp_path: Path) -> None:
    spent = {"RateLimit-Limit": "5", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"}
    with ImageServer() as server:
        urls = [server.add("/0.jpg", body=IMAGE, headers=spent), server.add("/1.jpg", status=404, headers=spent)]
        urls.append(server.add("/2.jpg", body=IMAGE))
        assert download(tmp_path / "shard", urls, max_concurrency=1) == {0: 2, 404: 1}
        times = [request.time for request in server.requests() if request.path != "/robots.txt"]
    assert times[1] - times[0] >= 0.99
    assert times[2] - times[1] >= 0.99


def test_a_dead_server_is_parked_and_its_rows_do_not_wait(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [server.url(f"/{row}.jpg") for row in range(500)]
    outcome = download(tmp_path / "one", urls, patience=0.5, max_concurrency=4)
    assert outcome.keys() == {-1, -5}
    assert outcome.total() == 500
    assert outcome[-5] > outcome[-1]
    parked = next(row for row in errors(tmp_path / "one") if row["error_code"] == -5)
    assert parked["error_msg"].startswith("not asked: the server has stopped to answer; ")
    assert parked["retry_count"] == 0
    # The lane's next shard only tries whether the server is back.
    options = ("--previous", str(spool(tmp_path / "one")))
    outcome = download(tmp_path / "two", urls, *options, patience=3600, max_concurrency=1)
    assert outcome[-1] <= 2
    assert outcome.total() == 500


def test_a_server_that_is_back_is_asked_again(tmp_path: Path) -> None:
    with ImageServer() as server:
        dead = [server.url(f"/{row}.jpg") for row in range(9)]
    assert -5 in download(tmp_path / "one", dead, patience=0)
    with ImageServer() as server:
        urls = [server.add(f"/{row}.jpg", body=IMAGE) for row in range(9)]
        assert download(tmp_path / "two", urls, "--previous", str(spool(tmp_path / "one"))) == {0: 9}


def test_servers_that_redirect_to_one_and_the_same_do_not_flood_it(tmp_path: Path) -> None:
    with ImageServer() as first, ImageServer() as second, ImageServer() as store:
        (tmp_path / "profiles.csv").write_text(f"server_name,rate_limit\n{store.address},20\n")
        jobs = []
        for server, name in ((first, "first"), (second, "second")):
            urls = [
                server.add(f"/{row}.jpg", status=302, headers={"Location": store.add(f"/{name}/{row}.jpg", body=IMAGE)})
                for row in range(30)
            ]
            options = ("--profiles", str(tmp_path / "profiles.csv"))
            jobs.append(subprocess.Popen(command(tmp_path / name, urls, *options), stderr=subprocess.DEVNULL))
        assert [job.wait() for job in jobs] == [0, 0]
        assert len(store.requests()) == 62
        assert mean_rate(store) <= 20


def test_a_refresh_is_sent_only_what_has_changed(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [
            server.add("/same.jpg", Reply(IMAGE, headers={"ETag": '"1"'}), Reply(status=304)),
            server.add(
                "/changed.jpg",
                Reply(IMAGE, headers={"Last-Modified": "Mon, 05 Jan 2026 10:00:00 GMT"}),
                Reply(OTHER_IMAGE),
            ),
            server.add("/plain.jpg", body=IMAGE),
        ]
        assert download(tmp_path / "shard", urls) == {0: 3}
        before = pq.read_table(tmp_path / "shard/shard/successes.parquet").to_pylist()
        assert download(tmp_path / "shard", urls, "--refetch") == {0: 3}
        after = pq.read_table(tmp_path / "shard/shard/successes.parquet").to_pylist()
        again = {request.path: request.headers for request in server.requests()[-3:]}
    assert again["/same.jpg"]["If-None-Match"] == '"1"'
    assert again["/changed.jpg"]["If-Modified-Since"] == "Mon, 05 Jan 2026 10:00:00 GMT"
    assert not {"If-None-Match", "If-Modified-Since"} & again["/plain.jpg"].keys()
    assert [after[row] == before[row] for row in range(3)] == [True, False, True]
    statuses = Counter(row["status"] for row in requests(tmp_path / "shard") if row["purpose"] == "image")
    assert statuses == {200: 5, 304: 1}


def test_a_refresh_that_is_killed_goes_on(tmp_path: Path) -> None:
    with ImageServer() as server:
        reply = Reply(IMAGE, headers={"ETag": '"1"'})
        urls = [server.add(f"/{row}.jpg", reply, Reply(status=304, delay_seconds=0.01)) for row in range(600)]
        assert download(tmp_path / "shard", urls) == {0: 600}
        before = (tmp_path / "shard/shard/successes.parquet").read_bytes()
        asked = len(server.requests())
        refresh = command(tmp_path / "shard", urls, "--refetch", max_concurrency=4)
        job = subprocess.Popen(refresh, stderr=subprocess.DEVNULL)
        (earlier,) = wait_for(lambda: list(spool(tmp_path / "shard").glob("*.earlier")))
        wait_for(lambda: list(earlier.with_suffix("").glob("segment-*.arrow")))
        job.kill()
        job.wait()
        assert download(tmp_path / "shard", urls, "--refetch") == {0: 600}
        assert len(server.requests()) - asked < 1200
    assert (tmp_path / "shard/shard/successes.parquet").read_bytes() == before


def test_every_request_is_in_the_log(tmp_path: Path) -> None:
    with ImageServer() as server:
        urls = [
            server.add("/a.jpg", Reply(status=503), Reply(IMAGE)),
            server.url("/missing.jpg"),
            server.add("/b.jpg", status=302, headers={"Location": "/a.jpg"}),
        ]
        download(tmp_path / "shard", urls, max_concurrency=1)
        asked = [request.path for request in server.requests()]
    rows = requests(tmp_path / "shard")
    assert [(row["purpose"], row["status"], row["attempt"]) for row in rows] == [
        ("robots", 404, 1),
        ("image", 503, 1),
        ("image", 200, 2),
        ("image", 404, 1),
        ("image", 302, 1),
        ("redirect", 200, 1),
    ]
    assert asked == ["/robots.txt", "/a.jpg", "/a.jpg", "/missing.jpg", "/b.jpg", "/a.jpg"]
    assert [row["uuid"] for row in rows] == [None, *["uuid-00000"] * 2, "uuid-00001", *["uuid-00002"] * 2]
    assert [row["bytes"] for row in rows if row["status"] == 200] == [len(IMAGE)] * 2
