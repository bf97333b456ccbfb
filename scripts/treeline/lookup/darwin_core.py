"""The occurrence table of a Darwin Core archive: a ZIP file whose `meta.xml` says how its tables are written.

Format: Darwin Core text guide, https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from treeline.errors import InputError
from treeline.io.database import quote_identifier, quote_literal

_NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r"}


def occurrence_relation(archive: Path, scratch: Path) -> str:
    """Unpack the occurrence table of an archive and give the SQL that reads it.

    Args:
        archive: The ZIP file.
        scratch: Folder for the unpacked table.

    Returns:
        A subquery whose columns are the last parts of the archive's terms, and `id`; all text.

    Raises:
        InputError: The file is no Darwin Core archive, or has no occurrence table.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            described = _occurrences(archive, ElementTree.fromstring(files.read("meta.xml")))
            member = described.findtext(f"{_NAMESPACE}files/{_NAMESPACE}location", "").strip()
            table = scratch / "occurrence.txt"
            with files.open(member) as source, table.open("wb") as target:
                shutil.copyfileobj(source, target, 1024**2)
    except KeyError as error:
        raise InputError(archive, f"not a whole Darwin Core archive: {error.args[0]}") from None
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise InputError(archive, f"not a Darwin Core archive ({error}).") from None
    return _relation(described, table)


def _occurrences(archive: Path, meta: ElementTree.Element) -> ElementTree.Element:
    for table in meta:
        if table.get("rowType", "").endswith("/Occurrence"):
            return table
    raise InputError(archive, "meta.xml describes no table of occurrences.", fix="Give the occurrence table itself.")


def _relation(described: ElementTree.Element, table: Path) -> str:
    delimiter = _unescape(described.get("fieldsTerminatedBy", ","))
    quote = _unescape(described.get("fieldsEnclosedBy", '"'))
    with table.open(encoding="utf-8") as file:
        width = file.readline().count(delimiter) + 1
    columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(width))
    return f"""(
        SELECT {", ".join(_selected(described))}
        FROM read_csv(
            {quote_literal(str(table))}, auto_detect = false, columns = {{{columns}}}, header = false,
            skip = {int(described.get("ignoreHeaderLines", "0"))}, delim = {quote_literal(delimiter)},
            quote = {quote_literal(quote)}, escape = {quote_literal(quote)}, nullstr = '', null_padding = true
        )
    )"""


def _selected(described: ElementTree.Element) -> list[str]:
    sources = {}
    for element in described:
        if element.tag in (f"{_NAMESPACE}id", f"{_NAMESPACE}coreid"):
            sources["id"] = f"c{element.attrib['index']}"
    for field in described.iter(f"{_NAMESPACE}field"):
        index, default = field.get("index"), field.get("default")
        column = f"c{index}" if index is not None else "NULL"
        name = field.attrib["term"].rpartition("/")[2]
        sources.setdefault(name, column if default is None else f"coalesce({column}, {quote_literal(default)})")
    return [f"{source} AS {quote_identifier(name)}" for name, source in sources.items()]


def _unescape(text: str) -> str:
    return _ESCAPES.get(text, text)
