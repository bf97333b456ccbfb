"""What is wrong with a source: every violation of a rule, counted by rule, and reported all together."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from tempfile import SpooledTemporaryFile
from weakref import finalize

from treeline.console import printable
from treeline.errors import InputError
from treeline.io.atomic import atomic_path

EXAMPLES = 3
"""Of a rule, in a summary."""

SPOOL_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that breaks one rule.

    Args:
        rule: Name of the rule.
        path: Where the value is, such as `sequences[12] (seq_id 'x').images[3] (file 'y').bbox[0]`.
        value: What was found, shortened; never a key.
        fix: What the user can do about it.
        file: Name of the file in a source of several.
        severity: `error`, or `warning` for what does not keep a source out.
    """

    rule: str
    path: str
    value: str
    fix: str
    file: str = ""
    severity: str = "error"


COLUMNS = tuple(Violation.__dataclass_fields__)


class Violations:
    """All violations of a source, in the order in which they were found; many millions need little memory."""

    def __init__(self) -> None:
        self.errors = 0
        self.warnings = 0
        self._spool = SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115
        finalize(self, self._spool.close)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], list[Violation]] = {}

    def add(self, violation: Violation) -> None:
        """Keep one more."""
        kind = (violation.severity, violation.rule)
        self._counts[kind] += 1
        self._spool.write(json.dumps(_row(violation)) + "\n")
        if violation.severity == "error":
            self.errors += 1
        else:
            self.warnings += 1
        if self._counts[kind] <= EXAMPLES:
            self._examples.setdefault(kind, []).append(violation)

    def __iter__(self) -> Iterator[Violation]:
        self._spool.seek(0)
        try:
            for line in self._spool:
                yield Violation(*json.loads(line))
        finally:
            self._spool.seek(0, 2)

    def counts(self) -> dict[str, int]:
        """How often each rule is broken; those broken most come first."""
        return {rule: count for (_, rule), count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))}

    def summary(self) -> str:
        """The number of violations, then each rule with its number, its first examples, and how to mend them."""
        lines = [f"{_number(self.errors, 'violation')}, {_number(self.warnings, 'warning')}"]
        for kind, count in sorted(self._counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
            severity, rule = kind
            lines.append(f"  {rule}: {_number(count, 'violation' if severity == 'error' else 'warning')}")
            for fix, examples in groupby(self._examples[kind], key=lambda example: example.fix):
                for example in examples:
                    place = " ".join(filter(None, (example.file, example.path)))
                    lines.append(f"    {place}: {example.value}" if example.value else f"    {place}")
                lines.append(f"      {fix}")
            if count > len(self._examples[kind]):
                lines.append(f"    and {count - len(self._examples[kind]):,} more")
        return "\n".join(map(_printable_line, lines))

    def write(self, report: Path) -> None:
        """Write all of them, as `.csv` or `.json`; whole, or not at all.

        Raises:
            InputError: The name of the report ends otherwise.
        """
        check_report_name(report)
        with atomic_path(report) as temporary, temporary.open("w", encoding="utf-8", newline="") as target:
            if report.suffix == ".json":
                head = {"errors": self.errors, "warnings": self.warnings, "rules": self.counts()}
                target.write(json.dumps(head, indent=1).removesuffix("\n}") + ',\n "violations": [')
                for number, violation in enumerate(self):
                    target.write(("," if number else "") + "\n  " + json.dumps(asdict(violation), ensure_ascii=False))
                target.write("\n ]\n}\n")
            else:
                writer = csv.writer(target, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(map(_row, self))


class InvalidSourceError(InputError):
    """A source breaks rules; what it holds is not taken in.

    Args:
        file: The source.
        violations: What it breaks.
        report: The file that lists all of it.
    """

    def __init__(self, file: Path | str, violations: Violations, report: Path | None = None) -> None:
        self.violations = violations
        place = f"\nAll of them are in {report}." if report is not None else ""
        super().__init__(file, violations.summary() + place)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle what it says; the violations stay in their process."""
        return InputError, (self.file, self.problem)


def _row(violation: Violation) -> tuple[str, ...]:
    return tuple(getattr(violation, column) for column in COLUMNS)


def check_report_name(report: Path) -> None:
    """Refuse a report of an unknown format, before the work.

    Raises:
        InputError: Its name ends neither in `.csv` nor in `.json`.
    """
    if report.suffix not in (".csv", ".json"):
        raise InputError(report, "is of an unknown format.", fix="Give a report's name the ending .csv or .json.")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _printable_line(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))
