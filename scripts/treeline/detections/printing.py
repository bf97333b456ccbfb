"""Tables that commands of `treeline detections` print at their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from treeline.console import new_table, open_console, printable


def print_counts(title: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Print names and, in the last column, their numbers."""
    table = new_table(title)
    for column in columns:
        table.add_column(column, justify="right" if column == columns[-1] else "left", overflow="fold")
    for *names, count in rows:
        table.add_row(*(printable(str(name)) for name in names), f"{count:,}")
    open_console().print(table)
