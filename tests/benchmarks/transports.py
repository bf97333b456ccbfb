"""What each HTTP client costs an image that it fetches and throws away, with TLS and without.

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
SCHEMES = ("HTTP", "HTTPS")


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
        costs = _measure(python, servers, count, certificate)
    lines = [f"| client | {' | '.join(SCHEMES)} |", "|---|--:|--:|"]
    for name, of_name in costs.items():
        cells = (of_name.get(scheme) for scheme in SCHEMES)
        lines.append(f"| {name} | {' | '.join('' if cell is None else f'{cell:.2f}' for cell in cells)} |")
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
            yield {"HTTP": plain, "HTTPS": encrypted, "HTTP/2": f"https://127.0.0.1:{port}"}
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


def _measure(
    python: Path, servers: Mapping[str, str], count: int, certificate: Certificate
) -> dict[str, dict[str, float | None]]:
    """The least CPU milliseconds an image of each client by scheme; None for a client that is not there."""
    tables = {scheme: SCRATCH / f"urls-{number}.txt" for number, scheme in enumerate(servers)}
    for scheme, table in tables.items():
        table.write_text("\n".join(make_urls(servers[scheme], count)), encoding="utf-8")
    costs: dict[str, dict[str, float | None]] = {name: {} for name in CLIENTS}
    for _ in range(ROUNDS):
        for name, of_name in costs.items():
            for scheme in SCHEMES[1:] if "HTTP/2" in name else SCHEMES:
                table = tables["HTTP/2"] if "HTTP/2" in name else tables[scheme]
                cost = _cost(python, name, table, certificate)
                last = of_name.get(scheme)
                of_name[scheme] = cost if last is None else min(last, cost or last)
    return costs


def _cost(python: Path, name: str, table: Path, certificate: Certificate) -> float | None:
    """CPU milliseconds an image of one run; None where the client is not there, with the reason printed."""
    command = [str(python), transport_clients.__file__, name, str(table)]
    environment = {**os.environ, "SSL_CERT_FILE": str(certificate.trusted)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"{name} is not measured: {run.stderr.strip().splitlines()[-1]}")
        return None
    cpu_milliseconds: float = json.loads(run.stdout)["cpu_milliseconds"]
    return cpu_milliseconds


if __name__ == "__main__":
    main()
