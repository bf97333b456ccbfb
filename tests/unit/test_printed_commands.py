"""The Snakemake commands that the guides print mean what they say: Snakemake's own parser reads them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from treeline.config import STAGES

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
COMMAND = re.compile(r"(?:^ *|`|\"exec \.venv/bin/)(snakemake(?: [^`\n#]*)?)", re.MULTILINE)
COMMANDS = {command.strip().removesuffix('"') for page in PAGES for command in COMMAND.findall(page.read_text())}


def test_the_guides_print_commands() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_printed_command_has_one_configuration_and_known_targets(command: str) -> None:
    arguments = get_argument_parser().parse_args(shlex.split(command)[1:])
    assert [Path(file).suffix for file in arguments.configfile or ()] in ([], [".yaml"])
    assert set(arguments.targets) <= {*STAGES, "analyze"}  # the analysis of the datasets is a target, and no stage
