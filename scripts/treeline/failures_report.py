"""`treeline errors`: print what failed, for example where, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from treeline.console import open_console, printable
from treeline.failures import FailureGroup


def print_failures(groups: Iterable[FailureGroup], *, as_json: bool) -> None:
    """Print each group as a paragraph, or all as one JSON list.

    Args:
        groups: In the order to print.
        as_json: For programs: an object a group with the fields of `FailureGroup`, and `what_to_do`.
    """
    groups = list(groups)
    if as_json:
        print(json.dumps([{**group._asdict(), "what_to_do": group.what_to_do} for group in groups], indent=1))
        return
    console = open_console()
    for group in groups:
        images = "1 image" if group.images == 1 else f"{group.images} images"
        lines = [
            f"{group.server_name}: {group.error_code}, {images}: {group.message}",
            group.what_to_do,
            *(f"for example {url}" for url in group.examples),
        ]
        console.print("\n    ".join(map(printable, lines)), soft_wrap=True)
    if not groups:
        console.print("No image of a finished shard has failed.")
