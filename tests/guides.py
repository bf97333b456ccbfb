"""README and guides taken apart: the commands, settings and links that they print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^ *```.*$")
_INDENTED = re.compile(r"^(?: {4,}|\t)")
_LIST_ITEM = re.compile(r"^ *(?:\d+\.|[-*]) ")
_PROMPT = re.compile(r"^ *(?:\$ )?")
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


class Printed(NamedTuple):
    """Something that a page prints, and where: the page and the line, from 1."""

    place: str
    text: str


class Listing(NamedTuple):
    """A code block.

    Args:
        place: The page and the line, from 1.
        text: What is in it.
        language: What stands behind the fence, such as `bash`; empty where there is no fence.
        above: The last line of text before it; empty where another block was the last thing.
    """

    place: str
    text: str
    language: str
    above: str


@cache
def listings(page: Path) -> tuple[Listing, ...]:
    """Find the code blocks of a page, fenced or indented by four columns or more than their list's item."""
    found: list[Listing] = []
    lines: list[str] = []
    start, is_fenced, margin = 0, False, 0
    language = above = ""
    for number, line in enumerate([*page.read_text(encoding="utf-8").splitlines(), ""], start=1):
        is_fence = bool(_FENCE.match(line))
        is_code = is_fenced or bool(_INDENTED.match(line) and line[margin:].startswith("    "))
        if lines and (is_fence or not (is_code or not line.strip())):
            found.append(_listing(page, start, lines, language if is_fenced else "", above))
            lines, above = [], ""
        if is_fence:
            is_fenced = not is_fenced
            language = line.strip().removeprefix("```")
        elif is_code and (lines or line.strip()):
            start = start if lines else number
            lines.append(line)
        elif item := _LIST_ITEM.match(line):
            margin = item.end()
        elif line.strip() and not line.startswith(" "):
            margin = 0
        if not is_code and not is_fence and line.strip():
            above = line.strip()
    if lines:
        found.append(_listing(page, start, lines, language, above))
    return tuple(found)


def _listing(page: Path, start: int, lines: list[str], language: str, above: str) -> Listing:
    return Listing(f"{page.relative_to(ROOT)}:{start}", "\n".join(lines).rstrip(), language, above)


def blocks(page: Path) -> tuple[Printed, ...]:
    """The code blocks of a page."""
    return tuple(Printed(listing.place, listing.text) for listing in listings(page))


@cache
def spans(page: Path) -> tuple[Printed, ...]:
    """Find what stands between backticks in a page's text."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        text = text.replace(block.text, "\n" * block.text.count("\n"))
    text = re.sub(r"^ *```.*$", "", text, flags=re.MULTILINE)
    return tuple(
        Printed(f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, span.start()) + 1}", " ".join(span[1].split()))
        for span in _SPAN.finditer(text)
    )


def command_lines(program: str) -> Iterator[Printed]:
    """Find the lines of all code blocks that call a program, by itself or through another such as mpiexec.

    Returns:
        Each from the program's name on; lines that end in a backslash are one with the next.
    """
    for page in PAGES:
        for place, text in blocks(page):
            yield from (Printed(place, call) for line in whole_lines(text) if (call := call_in(line, program)))


def whole_lines(block: str) -> list[str]:
    """The lines of a block without their prompts; those that end in a backslash are one with the next."""
    return [_PROMPT.sub("", line) for line in re.sub(r"\\\n *", "", block).splitlines()]


def call_in(line: str, program: str) -> str | None:
    """The call of a program in a line, from its name on."""
    call = re.search(rf"(?:^|[ /])({program}(?: .*|$))", line)
    return call[1] if call and _is_call(line, call.start(1)) else None


def _is_call(line: str, start: int) -> bool:
    """Tell a command from a word in what it prints: options or paths alone may stand before it."""
    before = line[:start]
    return not before or before.startswith(("mpiexec ", "srun ", "sbatch ", "exec ", " ")) or before.endswith("/")


def words(command: str) -> list[str]:
    """Split a command as a shell does, without its comment."""
    return shlex.split(command, comments=True)


def links(page: Path) -> Iterator[str]:
    """Find a page's links that lead to no other host."""
    text = page.read_text(encoding="utf-8")
    return (target for target in _LINK.findall(text) if "://" not in target and not target.startswith("mailto:"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """List the anchors that GitHub gives a page's headings: lower case, no punctuation, hyphens for blanks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in _HEADING.findall(text))
    return frozenset(heading.replace(" ", "-") for heading in headings)
