"""Record the demo in a terminal, and draw the recording as `docs/recording.svg`, which plays in any browser.

    python -m resources.example.recording

It needs a clone without results (`make clean`) and takes as long as the demo. The picture shows what the commands
printed, as they printed it, but for three things: of Snakemake's many lines only the rules and the progress are there,
the clone is called `~/treeline`, and waiting is shortened, so that all of it takes two minutes.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from rich.color import Color, ColorTriplet
from rich.console import Console
from rich.text import Text

from treeline.io.atomic import write_text

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "recording.svg"
COLUMNS, ROWS = 104, 32
CHARACTER, LINE, MARGIN = 8.4, 18, 16
"""Width of a character, height of a line, and space around the screen, in pixels."""
FONT_SIZE = 14
INK, GROUND, PROMPT = "#e6e6e3", "#15181c", "#7fc99a"
PALETTE = ("#8a8f98", "#ff8a80", "#7fc99a", "#e6c36a", "#8ab4f8", "#d7a6f0", "#7fd6d6", "#e6e6e3")
"""The eight colours of a terminal, each with a contrast of 4.5 or more to the ground."""

DEMO = f"{sys.executable} resources/example/demo.py"
COMMANDS = {
    "make demo": DEMO,
    "treeline status": "treeline status",
    "treeline errors --code 404": "treeline errors --code 404",
    'treeline query public_images --class "capreolus capreolus" --longer-than 2 --out roe-deer.parquet': "",
    "treeline query class_counts --dataset example": "",
}
"""What is shown as typed, and what is run for it where that is something else."""
OF_SNAKEMAKE = re.compile(r"(?:local)?(?:rule|checkpoint) \w+:$|\d+ of \d+ steps|^Starting|^Results:|^Nothing to do")
SECONDS = 120
LONGEST_WAIT, TO_TYPE, TO_READ = 1.0, 1.5, 8.0
"""Seconds before the next line at most, after a command is typed, and after what it printed."""


class Printed(NamedTuple):
    """A line on the screen.

    Args:
        moment: When it appears, in seconds.
        text: With its colours.
    """

    moment: float
    text: Text


def main() -> None:
    """Record, and draw."""
    if (ROOT / "results").exists():
        sys.exit("There are results: `make clean` removes them, and then the demo can be recorded.")
    lines = fit(list(record()))
    write_text(TARGET, draw(lines))
    (ROOT / "roe-deer.parquet").unlink()
    print(f"{TARGET.relative_to(ROOT)}: {len(lines)} lines, {lines[-1].moment + TO_READ:.0f} s")


def record() -> Iterator[Printed]:
    """Type the commands one after another, and give every line with the moment in which it was printed."""
    moment = 0.0
    for shown, command in COMMANDS.items():
        yield Printed(moment, Text.assemble(("$ ", PROMPT), (shown, "bold")))
        moment += TO_TYPE
        last = time.monotonic()
        for line in output_of(command or shown):
            if (command == DEMO and not OF_SNAKEMAKE.search(line)) or not line.strip():
                continue
            now = time.monotonic()
            moment += min(now - last, LONGEST_WAIT)
            last = now
            yield Printed(moment, Text.from_ansi(line))
        moment += TO_READ


def output_of(command: str) -> Iterator[str]:
    """Run a command in a terminal of its own, and give its lines as they come, without this machine's paths."""
    inner, outer = pty.openpty()
    environment = os.environ | {"COLUMNS": str(COLUMNS), "LINES": str(ROWS), "TERM": "xterm-256color"}
    with subprocess.Popen(
        command, shell=True, cwd=ROOT, env=environment, stdin=outer, stdout=outer, stderr=outer, close_fds=True
    ) as process:
        os.close(outer)
        with os.fdopen(inner, "rb") as terminal:
            yield from (line.replace(str(ROOT), "~/treeline") for line in _lines(terminal.fileno()))
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")


def _lines(terminal: int) -> Iterator[str]:
    rest = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the terminal's other end is closed
            read = b""
        if not read:
            return
        *whole, rest = (rest + read).split(b"\n")
        yield from (line.decode("utf-8").rstrip("\r") for line in whole)


def fit(lines: list[Printed]) -> list[Printed]:
    """Have the demo's lines follow each other faster, so that all of it takes two minutes."""
    prompts = [place for place, line in enumerate(lines) if line.text.plain.startswith("$ ")]
    begin, end = lines[0].moment + TO_TYPE, lines[prompts[1]].moment - TO_READ
    surplus = lines[-1].moment + TO_READ - SECONDS
    factor = min(1.0, (end - begin - surplus) / (end - begin))
    faster = [
        Printed(begin + (line.moment - begin) * factor if begin < line.moment else line.moment, line.text)
        for line in lines[: prompts[1]]
    ]
    shift = (end - begin) * (1 - factor)
    return [*faster, *(Printed(line.moment - shift, line.text) for line in lines[prompts[1] :])]


def draw(lines: list[Printed]) -> str:
    """The recording as SVG: all lines one below the other, behind a window that moves down once it is full.

    Until then a curtain hides what is still to come. The picture without movement, for who wants none and for programs
    that know none, is the last screen.
    """
    width, height = MARGIN * 2 + COLUMNS * CHARACTER, MARGIN * 2 + ROWS * LINE
    seconds = lines[-1].moment + TO_READ
    shares = [100 * line.moment / seconds for line in lines]
    up = [min(0, LINE * (ROWS - place)) for place in range(1, len(lines) + 1)]
    shown = [LINE * min(place, ROWS) for place in range(1, len(lines) + 1)]
    rows = "\n".join(_row(place, line.text) for place, line in enumerate(lines))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">
<title>The demo of Treeline in a terminal</title>
<style>
text {{ font: {FONT_SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; fill: {INK}; white-space: pre }}
.b {{ font-weight: bold }}
#lines {{ transform: translateY({up[-1]}px); animation: scroll {seconds:.1f}s step-end infinite }}
#curtain {{ transform: translateY({shown[-1]}px); animation: show {seconds:.1f}s step-end infinite }}
@keyframes scroll {{ {_frames(shares, up)} }}
@keyframes show {{ {_frames(shares, shown)} }}
@media (prefers-reduced-motion: reduce) {{ #lines, #curtain {{ animation: none }} }}
</style>
<rect width="{width:g}" height="{height:g}" rx="8" fill="{GROUND}"/>
<svg x="{MARGIN}" y="{MARGIN}" width="{COLUMNS * CHARACTER:g}" height="{ROWS * LINE}"><g id="lines">
{rows}
</g><rect id="curtain" width="{COLUMNS * CHARACTER:g}" height="{ROWS * LINE}" fill="{GROUND}"/></svg>
</svg>
"""


def _frames(shares: list[float], places: list[int]) -> str:
    """Keyframes: at which share of the time what stands where, in pixels; only those that change anything."""
    frames = {}
    for share, place in zip(shares, places, strict=True):
        frames[f"{share:.3f}%"] = place  # of lines that come at once, the last
    return "".join(f"{share}{{transform:translateY({place}px)}}" for share, place in frames.items())


def _row(place: int, text: Text) -> str:
    """A line's pieces, each at its column: so that tables stand upright whatever the font is."""
    pieces, column, baseline = [], 0, place * LINE + FONT_SIZE
    for segment in text.render(Console(width=COLUMNS), end=""):
        content = segment.text[: COLUMNS - column]
        if content.strip():
            style = segment.style
            colour = f' style="fill:{_colour(style.color)}"' if style and style.color else ""
            bold = ' class="b"' if style and style.bold else ""
            pieces.append(
                f'<text x="{column * CHARACTER:g}" y="{baseline}" textLength="{len(content) * CHARACTER:g}"'
                f"{bold}{colour}>{escape(content)}</text>"
            )
        column += len(content)
    return "".join(pieces)


def _colour(colour: Color) -> str:
    if colour.number is not None and colour.number < 2 * len(PALETTE):
        return PALETTE[colour.number % len(PALETTE)]
    triplet: ColorTriplet = colour.get_truecolor()
    return triplet.hex


if __name__ == "__main__":
    main()
