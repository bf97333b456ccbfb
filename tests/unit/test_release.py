"""What names the version agrees, and what others read of a release has the form that they ask for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from treeline import __version__

ROOT = Path(__file__).parents[2]
CITATION: dict[str, Any] = yaml.load((ROOT / "CITATION.cff").read_text(), yaml.BaseLoader)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSIONS = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
HEADING = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d|unreleased)")
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_version_is_one() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "treeline", "--version"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == __version__
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "treeline.__version__"}
    assert CITATION["version"] == __version__
    newest = HEADING.fullmatch(VERSIONS[0])
    assert newest is not None and newest[1] == __version__
    assert CITATION.get("date-released", "unreleased") == newest[2]


def test_the_changelog_keeps_its_form() -> None:
    headings = [HEADING.fullmatch(heading) for heading in VERSIONS]
    assert all(headings)
    numbers = [Version(heading[1]) for heading in headings if heading]
    assert numbers == sorted(set(numbers), reverse=True)
    assert "unreleased" not in VERSIONS[1:]
    assert {*re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)} <= CHANGES


def test_the_citation_is_valid_and_says_what_the_package_says() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    checked = subprocess.run([*command, str(ROOT / "CITATION.cff")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert CITATION["license"] == PROJECT["project"]["license"]
    assert CITATION["authors"] == PROJECT["project"]["authors"]


def test_the_workflow_catalog_finds_what_it_looks_for() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["software-stack-deployment"].keys() == {"conda", "singularity", "singularity+conda"}
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
    for file in ("Snakefile", "rules/common.smk", "config/README.md"):
        assert (ROOT / file).is_file()
