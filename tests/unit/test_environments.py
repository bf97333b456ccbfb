"""Every way to install Treeline installs the same lock, and notices when it changes; the lock is whole, and audited."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ENVIRONMENTS = Path(__file__).parents[2] / "envs"
LOCKS = [ENVIRONMENTS / "requirements.lock", ENVIRONMENTS / "requirements.cuda.lock"]
ENTRY = re.compile(r"([a-z0-9-]+)==([^ +;]+)((?: --hash=sha256:[0-9a-f]{64})+)")
ADVISORY = {
    "id": "TEST-1",
    "summary": "goes off",
    "affected": [
        {
            "package": {"name": "old", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


def entries(lock: Path) -> dict[str, str]:
    """Versions by name; every entry has a version and hashes, and nothing else."""
    text = "\n".join(line for line in lock.read_text().splitlines() if not line.startswith("#"))
    found = [ENTRY.fullmatch(re.sub(r" \\\n +", " ", entry)) for entry in re.split(r"\n(?! )", text)]
    assert all(found)
    return {entry[1]: entry[2] for entry in found if entry}


def test_the_locks_hold_what_is_asked_for_and_nothing_twice() -> None:
    locked, for_cuda = map(entries, LOCKS)
    assert not locked.keys() & for_cuda.keys()
    lines = (line.partition("#")[0] for line in (ENVIRONMENTS / "requirements.in").read_text().splitlines())
    for asked in (Requirement(line) for line in lines if line.strip()):
        assert asked.specifier.contains(locked[canonicalize_name(asked.name)]), asked


def test_every_package_takes_the_python_of_debian_12() -> None:
    refused = [
        distribution.name
        for distribution in distributions()
        if (asked := distribution.metadata["Requires-Python"]) and not SpecifierSet(asked).contains("3.11.2")
    ]
    assert not refused


@pytest.mark.parametrize("recipe", ["treeline.yaml", "treeline.def"])
def test_a_recipe_names_the_locks_as_they_are(recipe: str) -> None:
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS)).hexdigest()
    named = re.findall(r"requirements\.lock: sha256 (\S+)", (ENVIRONMENTS / recipe).read_text())
    assert named == [digest], "run envs/stamp.sh, as make lock does"


@pytest.mark.parametrize("recipe", ["treeline.post-deploy.sh", "treeline.def", "Containerfile"])
def test_a_recipe_installs_with_the_one_script(recipe: str) -> None:
    assert re.search(r"envs/install\.sh \S*python", (ENVIRONMENTS / recipe).read_text())


def test_both_containers_begin_with_the_same_image() -> None:
    named = {
        re.search(r"\bpython:3\.11\.\d+-\S+", (ENVIRONMENTS / recipe).read_text())[0]
        for recipe in ("treeline.def", "Containerfile")
    }
    assert len(named) == 1


def test_conda_brings_nothing_but_python() -> None:
    recipe = yaml.safe_load((ENVIRONMENTS / "treeline.yaml").read_text())
    assert recipe["dependencies"] == ["python =3.11", "pip"]


class Database(BaseHTTPRequestHandler):
    """OSV as far as pip-audit asks it: which vulnerabilities a version of a package has."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps({"vulns": [ADVISORY]} if asked["package"]["name"] == "old" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Tests print nothing."""


@contextmanager
def database() -> Iterator[str]:
    """Answer on a port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def audit(folder: Path, url: str, *packages: str) -> subprocess.CompletedProcess[str]:
    lock = folder / "some.lock"
    lock.write_text("".join(f"{package} --hash=sha256:{'0' * 64}\n" for package in packages))
    return subprocess.run(
        [sys.executable, str(ENVIRONMENTS / "audit.py"), str(lock)],
        env={**os.environ, "PIP_AUDIT_OSV_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_audit_tells_known_from_none_known_and_from_not_asked(tmp_path: Path) -> None:
    with database() as url:
        clean = audit(tmp_path, url, "new==1.1")
        vulnerable = audit(tmp_path, url, "new==1.1", "old==1.0")
    silent = audit(tmp_path, url, "new==1.1")
    assert (clean.returncode, clean.stdout) == (0, "1 of 1 packages audited, 0 known vulnerabilities\n")
    assert vulnerable.returncode == 1
    assert vulnerable.stdout.startswith("old==1.0: TEST-1, fixed in 1.1. goes off\n2 of 2 packages audited, 1 known")
    assert (silent.returncode, silent.stdout) == (2, "")
    assert silent.stderr.startswith("NOT AUDITED.")
