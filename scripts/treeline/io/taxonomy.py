"""Lists of taxonomic names that groups and categories share.

A list is a YAML file of one name a line. A missing comma once made two orders into one name in the lists that these
replace: so a name is one capitalised word, and anything else is refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from treeline.errors import InputError

TAXONOMY = Path(__file__).parents[3] / "resources" / "taxonomy"
"""The folder of the lists that the clone brings."""

_NAME = re.compile(r"[A-Z][a-z]+(_[A-Z])?")


def read_list(folder: Path, name: str) -> tuple[str, ...]:
    """Read the list `<folder>/<name>.yaml`.

    Raises:
        InputError: The file is missing, or holds anything but different names; names the row.
    """
    file = folder / f"{name}.yaml"
    try:
        names = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
        raise InputError(file, f"no such list; the folder has: {known}.") from None
    except yaml.YAMLError as error:
        raise InputError(file, f"is not YAML: {error}") from None
    if not isinstance(names, list) or not names:
        raise InputError(file, "expected a list of names, one a line, such as `- Perciformes`.")
    for row, entry in enumerate(names, start=1):
        if not isinstance(entry, str) or not _NAME.fullmatch(entry):
            raise InputError(file, f"expected a name of one capitalised word, found {entry!r}.", row=row)
        if entry in names[: row - 1]:
            raise InputError(file, f"{entry} is in the list twice.", row=row)
    return tuple(names)
