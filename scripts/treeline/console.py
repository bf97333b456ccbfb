"""What commands print for people: to a terminal in its width, to a file in lines that stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 110


def open_console() -> Console:
    """Open the standard output."""
    from rich.console import Console

    # Messages and names come from servers and tables: nothing in them is markup.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


def new_table(title: str) -> Table:
    """Start a table, to which columns and rows are added."""
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)


def printable(text: str) -> str:
    """Put a question mark for each control character: some move a terminal's cursor or change its title."""
    return "".join(character if character.isprintable() else "?" for character in text)


def format_number(value: float) -> str:
    """Round to what matters of a rate: `0.25`, `24.8`, `1,200`."""
    return f"{value:.2g}" if value < 1 else f"{value:,.1f}".removesuffix(".0")


def format_duration(seconds: float) -> str:
    """Round to what matters of a time that is only estimated, in seconds: `12 s`, `5 min`, `3.5 h`, `2.1 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} days"


def print_counts(title: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Print names and, in the last column, their numbers."""
    table = new_table(title)
    for column in columns:
        table.add_column(column, justify="right" if column == columns[-1] else "left", overflow="fold")
    for *names, count in rows:
        table.add_row(*(printable(str(name)) for name in names), f"{count:,}")
    open_console().print(table)
