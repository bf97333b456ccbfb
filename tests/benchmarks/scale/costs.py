"""The unit costs: what was measured, on which machine, by which command, in docs/scale/costs.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from treeline.io.atomic import write_text

FILE = Path(__file__).parents[3] / "docs" / "scale" / "costs.json"

Row = dict[str, Any]
"""Figures by name; a name ends with its unit."""


@dataclass(frozen=True)
class Line:
    """A cost that grows with a number of things.

    Args:
        fixed: What it costs without any; at least 0.
        each: What each of them adds.
    """

    fixed: float
    each: float

    def at(self, things: float) -> float:
        """The cost of so many."""
        return self.fixed + self.each * things


class Costs:
    """Everything that was measured.

    Args:
        pieces: As the file has them: by name, each with `command`, `date`, `machine` and `rows`.
    """

    def __init__(self, pieces: Mapping[str, Mapping[str, Any]]) -> None:
        self.pieces = pieces

    @classmethod
    def read(cls, file: Path = FILE) -> Costs:
        """Read the file; empty where there is none."""
        return cls(json.loads(file.read_text(encoding="utf-8")) if file.exists() else {})

    def rows(self, piece: str, **where: object) -> list[Row]:
        """The rows of a piece that have these values.

        Raises:
            KeyError: The piece was not measured.
        """
        rows: list[Row] = self.pieces[piece]["rows"]
        return [row for row in rows if all(row.get(name) == value for name, value in where.items())]

    def value(self, piece: str, name: str, **where: object) -> float:
        """A figure of the one row that has these values."""
        (row,) = self.rows(piece, **where)
        return float(row[name])

    def line(self, piece: str, things: str, cost: str, **where: object) -> Line:
        """How a cost grows with the number of things, over the rows that have these values."""
        rows = self.rows(piece, **where)
        return fit([row[things] for row in rows], [row[cost] for row in rows])


def fit(things: Sequence[float], costs: Sequence[float]) -> Line:
    """The line with the least relative errors; one that would begin below 0 begins at 0.

    Args:
        things: Numbers of things, above 0.
        costs: What they cost, above 0.
    """
    weights = [1 / cost**2 for cost in costs]
    triples = list(zip(weights, things, costs, strict=True))
    w, x, y = sum(weights), sum(w * x for w, x, _ in triples), sum(w * y for w, _, y in triples)
    xx, xy = sum(w * x * x for w, x, _ in triples), sum(w * x * y for w, x, y in triples)
    spread = w * xx - x * x
    each = (w * xy - x * y) / spread if len(things) > 1 and spread > 0 else xy / xx
    fixed = (y - each * x) / w
    return Line(fixed, each) if fixed >= 0 and each >= 0 else Line(0.0, xy / xx)


def keep(name: str, rows: Sequence[Row], size: str, command: str, file: Path = FILE) -> None:
    """Put rows of a piece into the file, in place of those of the same sizes.

    Args:
        name: Of the piece.
        rows: What was measured.
        size: Name of the size in the rows.
        command: What measured it.
        file: The file.
    """
    pieces = dict(Costs.read(file).pieces)
    sizes = {row[size] for row in rows}
    others = [row for row in pieces.get(name, {"rows": []})["rows"] if row[size] not in sizes]
    pieces[name] = {
        "command": command,
        "date": date.today().isoformat(),
        "machine": machine(),
        "rows": sorted([*others, *rows], key=lambda row: row[size]),
    }
    write_text(file, "{\n" + ",\n".join(_piece_text(*piece) for piece in sorted(pieces.items())) + "\n}\n")


def _piece_text(name: str, piece: Mapping[str, Any]) -> str:
    """A piece as JSON, each row on a line, so that two versions of the file can be compared."""
    facts = json.dumps({fact: value for fact, value in piece.items() if fact != "rows"})
    rows = ",\n  ".join(json.dumps(row) for row in piece["rows"])
    return f' {json.dumps(name)}: {facts[:-1]}, "rows": [\n  {rows}\n ]}}'


def machine() -> str:
    """What this machine is, without its name."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB, {platform.system()}"
