"""Darwin Core archives: a zip of text files that its `meta.xml` describes.

Format: Darwin Core text guide, https://dwc.tdwg.org/text/.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from treeline.errors import InputError
from treeline.io.delimited import Dialect, unique_names

NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
DESCRIPTION = "meta.xml"
ENCODINGS = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1", "latin1": "latin-1", "utf-16": "utf-16"}
ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}
CORE_ID = "id"
EXTENSION_ID = "coreid"


@dataclass(frozen=True)
class ArchiveTable:
    """One table of an archive.

    Args:
        row_type: What a row is: the last part of the term, lower case, such as `occurrence` or `multimedia`.
        location: Its file in the zip.
        dialect: How it is written.
        key: Column with the core record's identifier.
        defaults: Constant values of columns that the file does not have.
    """

    row_type: str
    location: str
    dialect: Dialect
    key: str
    defaults: dict[str, str]


def read_description(archive: Path) -> tuple[ArchiveTable, list[ArchiveTable]]:
    """Read which tables an archive has.

    Returns:
        The core, and its extensions.

    Raises:
        InputError: The file is no Darwin Core archive, or is described wrongly.
    """
    try:
        with zipfile.ZipFile(archive) as contents:
            root = ElementTree.fromstring(_read_description_text(contents, archive))
    except (zipfile.BadZipFile, ElementTree.ParseError, OSError) as error:
        raise InputError(archive, f"is not a readable Darwin Core archive ({error}).") from error
    core = root.find(f"{NAMESPACE}core")
    if core is None:
        raise InputError(archive, "meta.xml describes no core.", field="core")
    return _table(core, archive), [_table(one, archive) for one in root.findall(f"{NAMESPACE}extension")]


def extract_table(archive: Path, table: ArchiveTable, target: Path) -> None:
    """Extract one table under a name of ours: the names inside an archive are never used as paths.

    Raises:
        InputError: The archive does not hold the file that meta.xml names, or it is corrupt.
    """
    try:
        with zipfile.ZipFile(archive) as contents, contents.open(table.location) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except KeyError:
        raise InputError(archive, f"meta.xml names {table.location}, which is not in the archive.") from None
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise InputError(archive, f"{table.location} cannot be extracted ({error}).") from error


def _read_description_text(contents: zipfile.ZipFile, archive: Path) -> bytes:
    # Some publishers zip the folder rather than its files.
    found = [name for name in contents.namelist() if PurePosixPath(name).name == DESCRIPTION]
    if DESCRIPTION not in found:
        hint = f"; it is at {found[0]}: zip the files, not their folder" if found else ""
        raise InputError(archive, f"is not a Darwin Core archive: it has no {DESCRIPTION}{hint}.")
    return contents.read(DESCRIPTION)


def _row_type(element: ElementTree.Element) -> str:
    return _short_name(element.get("rowType", "")).lower()


def _short_name(term: str) -> str:
    return term.rstrip("/#").replace("#", "/").rpartition("/")[2]


def _table(element: ElementTree.Element, archive: Path) -> ArchiveTable:
    locations = element.findall(f"{NAMESPACE}files/{NAMESPACE}location")
    if len(locations) != 1 or not locations[0].text:
        raise InputError(archive, "expected one file a table.", field="location", fix="Join the table's files.")
    is_core = element.tag == f"{NAMESPACE}core"
    key_element = element.find(f"{NAMESPACE}{'id' if is_core else 'coreid'}")
    named: dict[int, str] = {}
    defaults: dict[str, str] = {}
    try:
        for field in element.findall(f"{NAMESPACE}field"):
            name = _short_name(field.attrib["term"])
            if "index" in field.attrib:
                named[int(field.attrib["index"])] = name
            else:
                defaults[name] = field.get("default", "")
        key_index = 0 if key_element is None else int(key_element.get("index", "0"))
        skip = int(element.get("ignoreHeaderLines") or 0)
    except (KeyError, ValueError) as error:
        raise InputError(archive, f"meta.xml describes a field wrongly ({error}).", field="field") from error
    named.setdefault(key_index, CORE_ID if is_core else EXTENSION_ID)
    columns = unique_names(named.get(index, "") for index in range(max(named) + 1))
    dialect = Dialect(
        columns, _delimiter(element), _unescape(element.get("fieldsEnclosedBy", '"')), skip, _encoding(element, archive)
    )
    return ArchiveTable(_row_type(element), locations[0].text.strip(), dialect, columns[key_index], defaults)


def _delimiter(element: ElementTree.Element) -> str:
    return _unescape(element.get("fieldsTerminatedBy", ","))


def _unescape(text: str) -> str:
    return ESCAPES.get(text, text)


def _encoding(element: ElementTree.Element, archive: Path) -> str:
    given = element.get("encoding", "utf-8").lower()
    if given not in ENCODINGS:
        raise InputError(archive, f"unknown encoding {given}; known: {', '.join(ENCODINGS)}.", field="encoding")
    return ENCODINGS[given]
