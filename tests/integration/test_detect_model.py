"""Checkpoints by file and by name; named ones come over real HTTP from a server of the test's own."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from megadetector.detection import run_detector

from treeline.config_values import DETECTOR_NAMES
from treeline.detect.model import ModelError, check_sha256, checkpoint_path, find_checkpoint

CONTENT = b"weights" * 1000
NAME = "MDV1000-redwood"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """Serve the checkpoint that the package is made to know under a published name."""
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "model.pt").write_bytes(CONTENT)
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        origin = {"url": f"http://127.0.0.1:{server.server_port}/model.pt", "md5": hashlib.md5(CONTENT).hexdigest()}
        monkeypatch.setitem(run_detector.known_models, "v1000.0.0-redwood", origin)
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_a_named_model_is_fetched_once(tmp_path: Path, publisher: http.server.ThreadingHTTPServer) -> None:
    checkpoint = find_checkpoint(NAME, tmp_path / "cache")
    assert checkpoint == tmp_path / "cache" / f"{NAME}.pt"
    assert checkpoint.read_bytes() == CONTENT
    (tmp_path / "published" / "model.pt").unlink()
    assert find_checkpoint(NAME, tmp_path / "cache") == checkpoint
    checkpoint.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="delete it"):
        find_checkpoint(NAME, tmp_path / "cache")


def test_another_file_than_published_is_refused(tmp_path: Path, publisher: http.server.ThreadingHTTPServer) -> None:
    (tmp_path / "published" / "model.pt").write_bytes(CONTENT + b"!")
    with pytest.raises(ModelError, match="MD5"):
        find_checkpoint(NAME, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_offline_the_error_says_where_to_put_the_file(
    tmp_path: Path, publisher: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), QuietHandler) as closed:
        unused_port = closed.server_port
    origin = {"url": f"http://127.0.0.1:{unused_port}/model.pt", "md5": "0" * 32}
    monkeypatch.setitem(run_detector.known_models, "v1000.0.0-redwood", origin)
    with pytest.raises(ModelError) as error:
        find_checkpoint(NAME, tmp_path / "cache")
    assert str(tmp_path / "cache" / f"{NAME}.pt") in str(error.value)


def test_every_published_torch_model_has_an_origin_with_a_checksum() -> None:
    for version, origin in run_detector.known_models.items():
        if origin["url"].endswith(".pt"):
            assert len(origin["md5"]) == 32, version


def test_the_configuration_knows_the_names_that_the_package_knows() -> None:
    versions = {version for version, origin in run_detector.known_models.items() if "md5" in origin}
    aliases = {name for name, version in run_detector.model_string_to_model_version.items() if version in versions}
    assert set(DETECTOR_NAMES) == versions | aliases


@pytest.mark.parametrize("name", ["MDV9", "MDV4", "../escape"])
def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="mdv5a"):
        find_checkpoint(name, tmp_path)


def test_a_file_is_itself_and_must_exist(tmp_path: Path) -> None:
    assert checkpoint_path("models/own.pt", tmp_path) == Path("models/own.pt")
    with pytest.raises(ModelError, match="no such checkpoint file"):
        find_checkpoint(str(tmp_path / "own.pt"), tmp_path)


def test_the_sha256_is_checked(tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert check_sha256(tmp_path / "own.pt", None) == check_sha256(tmp_path / "own.pt", digest) == digest
    with pytest.raises(ModelError, match=digest):
        check_sha256(tmp_path / "own.pt", "0" * 64)


def test_a_user_s_mistake_is_told_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "treeline", "detect", "shard", "--archive", "x.tar", "--results", "r.json"]
    done = subprocess.run([*command, "--model", tmp_path / "own.pt"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "own.pt: no such checkpoint file" in done.stderr
    assert "Traceback" not in done.stderr
