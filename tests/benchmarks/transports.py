"""What each HTTP client costs a fetched image, with TLS and without, and nothing of what is then done with the image.

Run it as `python -m tests.benchmarks.transports`: 4 minutes. The clients are installed into an environment of their
own, in the versions that Treeline has where it has them. Writes its table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPSConnection
from importlib.metadata import version
from pathlib import Path
from ssl import create_default_context

from tests.benchmarks import transport_clients
from tests.benchmarks.corpus import make_corpus, make_urls
from tests.benchmarks.page import describe, write_section
from tests.benchmarks.peers import install
from tests.benchmarks.run import SCRATCH
from tests.benchmarks.server import Certificate, make_certificate, serve
from tests.servers import free_ports

OUR_PACKAGES = ("httpx", "httpx-aiohttp", "aiohttp", "h2", "certifi")
MORE_PACKAGES = ("httpx-curl-cffi==0.1.5", "curl_cffi==0.17.0", "pycurl==7.49.0", "uvloop==0.23.0")
TREELINE_CLIENT = "httpx on aiohttp"
CLIENTS = (
    *transport_clients.ASYNCIO_CLIENTS,
    TREELINE_CLIENT + transport_clients.UVLOOP,
    transport_clients.PYCURL,
)
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.benchmarks.transports")
    parser.add_argument("--urls", type=int, default=1000, help="images that each client fetches in each round")
    count = parser.parse_args().urls
    make_corpus(SCRATCH / "corpus")
    environment = SCRATCH / "transports"
    python = environment / "bin" / "python"
    packages = [f"{package}=={version(package)}" for package in OUR_PACKAGES]
    if not python.exists() and not install(environment, *packages, *MORE_PACKAGES):
        python = Path(sys.executable)  # which lacks some of the clients: their lines stay empty
    certificate = make_certificate(SCRATCH / "tls")
    with _servers(SCRATCH / "corpus", certificate) as servers:
        costs = {name: _least_costs(python, name, servers, count, certificate) for name in CLIENTS}
    lines = ["| client | HTTP | HTTPS |", "|---|--:|--:|"]
    lines += [f"| {name} | {cost['http']} | {cost['https']} |" for name, cost in costs.items()]
    command = f"python -m tests.benchmarks.transports --urls {count}"
    write_section("transports", [*describe(command), "CPU ms an image, the mix of sizes:", "", *lines])


@contextmanager
def _servers(corpus: Path, certificate: Certificate) -> Iterator[dict[str, str]]:
    """Serve over HTTP, HTTPS and HTTP/2; gives their base URLs."""
    port = free_ports(1)
    command = [sys.executable, "-m", "tests.benchmarks.http2_server", str(corpus), str(certificate.chain), str(port)]
    with (
        serve(corpus) as plain,
        serve(corpus, certificate=certificate) as encrypted,
        subprocess.Popen(command) as http2_server,
    ):
        try:
            _wait_for(port, certificate)
            yield {"http": plain, "https": encrypted, "HTTP/2": f"https://127.0.0.1:{port}"}
        finally:
            http2_server.terminate()


def _wait_for(port: int, certificate: Certificate) -> None:
    context = create_default_context(cafile=certificate.trusted)
    while True:
        try:
            HTTPSConnection("127.0.0.1", port, context=context).connect()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return


def _least_costs(
    python: Path, name: str, servers: Mapping[str, str], count: int, certificate: Certificate
) -> dict[str, str]:
    """CPU milliseconds an image over HTTP and over HTTPS: the least of some rounds."""
    if "HTTP/2" in name:
        urls = {"https": servers["HTTP/2"]}
    else:
        urls = {scheme: servers[scheme] for scheme in ("http", "https")}
    costs = {"http": "", "https": ""}
    for scheme, base in urls.items():
        table = SCRATCH / "transport-urls.txt"
        table.write_text("\n".join(make_urls(base, count)), encoding="utf-8")
        rounds = [_cost(python, name, table, certificate) for _ in range(ROUNDS)]
        if None not in rounds:
            costs[scheme] = f"{min(filter(None, rounds)) / count * 1000:.2f}"
    return costs


def _cost(python: Path, name: str, urls: Path, certificate: Certificate) -> float | None:
    """CPU seconds of one run; None where the client is not there, with the reason printed."""
    command = [str(python), transport_clients.__file__, name, str(urls)]
    environment = {**os.environ, "SSL_CERT_FILE": str(certificate.trusted)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"{name} is not measured: {run.stderr.strip().splitlines()[-1]}")
        return None
    cpu_seconds: float = json.loads(run.stdout)["cpu_seconds"]
    return cpu_seconds


if __name__ == "__main__":
    main()
