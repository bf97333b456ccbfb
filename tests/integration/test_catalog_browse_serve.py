"""The program that serves the catalogue's page: how it starts, how it ends, and what it says when it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.scene_catalogs import ingest_megadb, serve_catalog

ENTRY = {"dataset": "caltech", "seq_id": "a", "class": ["deer"], "images": [{"file": "a.jpg"}]}
WRITE = """
import sys
from pathlib import Path
from treeline.catalog.database import open_to_write
with open_to_write(Path(sys.argv[1]), memory_mb=1024, threads=1):
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    ingest_megadb(tmp_path / "catalog.duckdb", [ENTRY])
    return tmp_path / "catalog.duckdb"


def refusal(catalog: Path, *options: str) -> str:
    """What the program says when it refuses to start."""
    command = [sys.executable, "-m", "treeline", "catalog", "browse", str(catalog), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_serves_until_it_is_interrupted(catalog: Path) -> None:
    process, address = serve_catalog(catalog)
    assert address.startswith("http://127.0.0.1:")
    assert "a.jpg" in httpx.get(address).text
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    assert [file.name for file in catalog.parent.iterdir() if file.name.startswith(".")] == []


def test_a_port_in_use(catalog: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"Port {port} of 127.0.0.1 is in use: choose another with --port" in refusal(
            catalog, "--port", str(port)
        )


def test_a_host_of_another_machine(catalog: Path) -> None:
    assert "cannot be listened at" in refusal(catalog, "--host", "192.0.2.1")
    assert "cannot be listened at" in refusal(catalog, "--host", "no such host")


def test_no_catalogue_and_no_images(catalog: Path) -> None:
    assert "no such file" in refusal(catalog.with_name("none.duckdb"))
    assert "no such folder" in refusal(catalog, "--images", str(catalog.with_name("none")))


def test_a_catalogue_that_is_being_written(catalog: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(catalog)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        assert "is open in another program" in refusal(catalog)
        writer.communicate("\n")


def test_a_host_that_others_reach_is_warned_of(catalog: Path) -> None:
    command = [sys.executable, "-m", "treeline", "catalog", "browse", str(catalog), "--port", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert "everybody who reaches this machine can see the catalogue" in said
