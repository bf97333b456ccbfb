"""README and guides, run: each page's commands in their order, in a folder that looks like a clone after `make demo`.

A block after a line that ends in a file's name and a colon is written to that file, before anything is run. In a block
`bash` every line is a command; in others those are that call treeline, snakemake, make or a Python module. A block
`text` after commands is what they print; `...` stands for what may differ.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.guide_exceptions import reason_against
from tests.guides import ROOT, Listing, Printed, call_in, listings, whole_lines, words
from tests.pipeline import ENVIRONMENT
from tests.snakemake_runs import run_snakemake, run_treeline

PROGRAMS = ("treeline", "snakemake", "make", "python -m")
FILE_ABOVE = re.compile(r"`([\w./-]+\.\w+)`:$")
WITHOUT_EFFECT = ("source ", "#")
SCREEN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


class Content(NamedTuple):
    """A file that a page has its reader write."""

    name: str
    text: str


class Call(NamedTuple):
    """Commands of a block.

    Args:
        commands: In order.
        is_literal: Whether nothing in them stands for something else.
        prints: What the page says that they print, if it says so.
    """

    commands: tuple[Printed, ...]
    is_literal: bool
    prints: str | None


def steps(page: Path) -> Iterator[Content | Call]:
    """What a reader of a page does, in order."""
    for listing, following in pairwise([*listings(page), Listing("", "", "", "")]):
        if (named := FILE_ABOVE.search(listing.above)) and not calls_of(listing):
            yield Content(named[1], listing.text + "\n")
        elif calls := calls_of(listing):
            is_output = following.language == "text" and not following.above
            yield Call(calls, listing.language == "bash", following.text if is_output else None)


def calls_of(listing: Listing) -> tuple[Printed, ...]:
    """The commands of a block, those that are not run among them."""
    lines = [line for line in whole_lines(listing.text) if line.strip() and not line.startswith(WITHOUT_EFFECT)]
    if listing.language == "bash":
        return tuple(Printed(listing.place, line) for line in lines)
    calls = (call_in(line, program) for line in lines for program in PROGRAMS)
    return tuple(Printed(listing.place, call) for call in calls if call)


class Reader:
    """Somebody who follows pages to the letter.

    Args:
        folder: Where they type.
        ports: What the pages call the servers' ports, and what they are here.
    """

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self._folder, self._ports = folder, ports
        self._typed: set[str] = set()

    def follow(self, page: Path) -> None:
        """Do what a page says; a command that it prints several times, once.

        Raises:
            AssertionError: A command fails, or prints something else.
        """
        for step in steps(page):
            if isinstance(step, Content):
                target = self._folder / step.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self._here(step.text), encoding="utf-8")
        for step in steps(page):
            if isinstance(step, Call):
                printed = [self._type(call) for call in step.commands if not reason_against(call, step.is_literal)]
                if step.prints is not None and printed:
                    check_printed("".join(printed), self._here(step.prints), step.commands[0].place)

    def _type(self, call: Printed) -> str:
        if call.text in self._typed:
            return ""
        self._typed.add(call.text)
        done = self._run(self._here(call.text))
        assert done.returncode == 0, f"{call.place}: {call.text}\n{done.stdout[-4000:]}"
        return done.stdout

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        environment = ENVIRONMENT | SCREEN
        program, *arguments = words(command)
        if program == "treeline":
            return run_treeline(arguments, self._folder, environment)
        if program == "snakemake":
            return run_snakemake(arguments, self._folder, environment)
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _here(self, text: str) -> str:
        return re.sub("|".join(self._ports), lambda port: self._ports[port[0]], text)


def is_followed(page: Path) -> bool:
    """Whether any command of a page is run."""
    calls = (step for step in steps(page) if isinstance(step, Call))
    return any(reason_against(call, step.is_literal) is None for step in calls for call in step.commands)


def check_printed(found: str, told: str, place: str) -> None:
    """Check what commands have printed; log lines are left out, `...` stands for anything."""
    lines = [line.rstrip() for line in found.splitlines()]
    said = [line for line in lines if line and not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line)]
    expected = [line.rstrip() for line in told.splitlines() if line.strip()]
    difference = "\n".join(difflib.unified_diff(expected, said, "told", "found", lineterm=""))
    pattern, text = "".join(map(_pattern, expected)), "".join(f"{line}\n" for line in said)
    assert re.fullmatch(pattern, text), f"{place}\n{difference}"


def _pattern(line: str) -> str:
    """A line as a page prints it: `...` by itself stands for any lines, in a line for any part of it."""
    return r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
