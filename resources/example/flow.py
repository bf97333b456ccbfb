"""Draw `docs/flow.svg`: the stages, what each leaves, and what goes from one to the next.

python -m resources.example.flow
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from treeline.io.atomic import write_text

TARGET = Path(__file__).parents[2] / "docs" / "flow.svg"
BOX_WIDTH, BOX_HEIGHT, BETWEEN_COLUMNS, BETWEEN_ROWS, MARGIN = 140, 70, 36, 62, 16
"""In pixels."""
GIVEN, MADE = ("#fdf6e3", "#b58900"), ("#eef4ef", "#2f6b4a")
"""Ground and border: of what the user brings, and of what a stage makes."""


class Box(NamedTuple):
    """A stage, or something that the user brings.

    Args:
        column: Place from the left, from 0.
        row: Place from the top, from 0.
        lines: What it leaves, or is.
        colours: Ground and border.
    """

    column: int
    row: int
    lines: tuple[str, str]
    colours: tuple[str, str] = MADE

    @property
    def left(self) -> int:
        """In pixels."""
        return MARGIN + self.column * (BOX_WIDTH + BETWEEN_COLUMNS)

    @property
    def top(self) -> int:
        """In pixels."""
        return MARGIN + self.row * (BOX_HEIGHT + BETWEEN_ROWS)

    @property
    def right(self) -> int:
        """In pixels."""
        return self.left + BOX_WIDTH

    @property
    def bottom(self) -> int:
        """In pixels."""
        return self.top + BOX_HEIGHT

    @property
    def middle(self) -> int:
        """Of its width, in pixels."""
        return self.left + BOX_WIDTH // 2


BOXES = {
    "URL table": Box(0, 0, ("CSV, TSV, Parquet,", "Darwin Core"), GIVEN),
    "urls": Box(1, 0, ("batches, one server", "each + rejected")),
    "download": Box(2, 0, ("successes.parquet", "errors.parquet")),
    "decode": Box(3, 0, (".tar: image + JSON", "+ undecodable")),
    "detect": Box(4, 0, ("MegaDetector JSON", "detections.parquet")),
    "occurrences": Box(0, 1, ("taxonomy, places,", "records"), GIVEN),
    "tools": Box(1, 1, ("verdicts + reasons,", "new images")),
    "lookup": Box(2, 1, ("uuid → file,", "by group")),
    "extract": Box(3, 1, ("subsets as Parquet", "+ missing")),
    "catalog": Box(1, 2, ("sequences, boxes,", "labels, splits")),
    "datasets": Box(2, 2, ("samples, splits,", "no leak")),
    "analyze": Box(3, 2, ("statistics, advice,", "report")),
    "models": Box(4, 2, ("weights, evaluation,", "ONNX, report")),
}
NEIGHBOURS = (
    *(("URL table", "urls"), ("urls", "download"), ("download", "decode"), ("decode", "detect")),
    *(("tools", "lookup"), ("lookup", "extract")),
    *(("catalog", "datasets"), ("datasets", "analyze"), ("analyze", "models")),
)
"""Arrows to the right."""

DOWN = (
    ("download", -50, "tools", 0, 20, ""),
    ("download", -20, "lookup", -20, 0, ""),
    ("download", 40, "extract", 0, 20, "images"),
    ("detect", 0, "lookup", 20, 44, "scores, if wanted"),
    ("occurrences", 0, "lookup", -40, -1, ""),
    ("lookup", -10, "catalog", 40, 34, ""),
)
"""Arrows down: from, how far right of its middle; to, the same; how far below they turn; what stands at them. -1: up,
from below."""
NOTE = (
    "Every arrow is a file that",
    "is whole or absent. Every",
    "row is in the next file, or in",
    "one that says why it is not.",
)


def draw() -> str:
    """The picture, as SVG."""
    width, height = BOXES["detect"].right + MARGIN, BOXES["models"].bottom + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            ' font-family="Helvetica, Arial, sans-serif" font-size="13">',
            "<title>The flow of Treeline</title>",
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0 10 5 0 10z" fill="#5b6b63"/></marker></defs>',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *(line for name, box in BOXES.items() for line in _box(name, box)),
            '<g fill="none" stroke="#5b6b63" stroke-width="1.5" marker-end="url(#arrow)">',
            *(
                f'<path d="M{BOXES[one].right} {BOXES[one].top + 35}H{BOXES[other].left - 2}"/>'
                for one, other in NEIGHBOURS
            ),
            *(f'<path d="{_way(*arrow[:5])}"/>' for arrow in DOWN),
            "</g>",
            *_labels(),
            "</svg>\n",
        ]
    )


def _box(name: str, box: Box) -> Iterator[str]:
    ground, border = box.colours
    yield (
        f'<rect x="{box.left}" y="{box.top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{ground}"'
        f' stroke="{border}" stroke-width="1.5"/>'
    )
    yield _text(box.middle, box.top + 26, name, 'font-weight="bold" fill="#1d3b2a"')
    for place, line in enumerate(box.lines):
        yield _text(box.middle, box.top + 44 + 15 * place, line, 'fill="#44524a" font-size="11.5"')


def _way(one: str, aside: int, other: str, there: int, turn: int) -> str:
    start, end = BOXES[one].middle + aside, BOXES[other].middle + there
    if turn < 0:
        return f"M{start} {BOXES[one].bottom}v24H{end}V{BOXES[other].bottom + 2}"
    return f"M{start} {BOXES[one].bottom}v{turn}H{end}V{BOXES[other].top - 2}"


def _labels() -> Iterator[str]:
    for one, aside, other, there, turn, label in DOWN:
        start, end = BOXES[one].middle + aside, BOXES[other].middle + there
        x = start + (end - start) // 3
        if label:
            yield _text(x, BOXES[one].bottom + turn - 6, label, 'fill="#5b6b63" font-size="11"')
    for place, line in enumerate(NOTE):
        x, y = BOXES["detect"].left, BOXES["extract"].top + 14 + 17 * place
        yield f'<text x="{x}" y="{y}" font-size="11.5" fill="#1d3b2a">{line}</text>'


def _text(x: int, y: int, text: str, look: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" {look}>{escape(text)}</text>'


if __name__ == "__main__":
    write_text(TARGET, draw())
