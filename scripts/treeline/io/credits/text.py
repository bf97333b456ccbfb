"""The credits of a subset's images as a text: how many by whom, under which licence, from where."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb

from treeline.io.atomic import atomic_path
from treeline.io.credits.table import Counts
from treeline.io.database import quote_path

_GROUPS = """
    FROM (
        SELECT lacks, creator, rights_holder, license, license_url, source, count(*) AS images
        FROM read_parquet({table})
        GROUP BY ALL
    )
    ORDER BY lacks IS NOT NULL, images DESC, creator, rights_holder, license, source, lacks
"""
_ROWS_AT_ONCE = 1024
_HOW = "Publish the table of credits too, which has title and address of each, and say what you changed."


class Group(NamedTuple):
    """Images of which the same is to be said."""

    lacks: str | None
    creator: str | None
    rights_holder: str | None
    license: str | None
    license_url: str | None
    source: str | None
    images: int


class Markup(NamedTuple):
    """How a text is written.

    Args:
        start: What it starts with.
        end: What it ends with.
        heading: Lays out a heading, of text as it is.
        paragraph: Lays out a paragraph, of marked-up text.
        items: What stands before and after a list.
        item: Lays out one of a list, of marked-up text.
        text: Writes text as it is.
        link: Makes a link of text as it is, and an address.
    """

    start: str
    end: str
    heading: Callable[[str], str]
    paragraph: Callable[[str], str]
    items: tuple[str, str]
    item: Callable[[str], str]
    text: Callable[[str], str]
    link: Callable[[str, str], str]


def _plain(text: str) -> str:
    """Names come from anywhere: on one line, and without what moves a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", _plain(text))


def _html(text: str) -> str:
    return html.escape(_plain(text))


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Credits</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
"""


def _underlined(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def _markdown_link(text: str, url: str) -> str:
    return f"[{_markdown(text)}]({url})"


def _html_link(text: str, url: str) -> str:
    return f'<a href="{html.escape(url)}">{_html(text)}</a>'


MARKUPS = {
    ".txt": Markup(
        start="",
        end="",
        heading=_underlined,
        paragraph="{}\n\n".format,
        items=("", "\n"),
        item="- {}\n".format,
        text=_plain,
        link="{} ({})".format,
    ),
    ".md": Markup(
        start="",
        end="",
        heading="# {}\n\n".format,
        paragraph="{}\n\n".format,
        items=("", "\n"),
        item="- {}\n".format,
        text=_markdown,
        link=_markdown_link,
    ),
    ".html": Markup(
        start=_PAGE,
        end="</body>\n</html>\n",
        heading="<h1>{}</h1>\n".format,
        paragraph="<p>{}</p>\n".format,
        items=("<ul>\n", "</ul>\n"),
        item="<li>{}</li>\n".format,
        text=_html,
        link=_html_link,
    ),
}
"""By the suffix of the file."""


def write_text(connection: duckdb.DuckDBPyConnection, table: Path, counts: Counts, target: Path) -> None:
    """Write the text of a table of credits, as the suffix of the file says: plain text, Markdown or HTML.

    Args:
        connection: The database.
        table: Parquet file of `table.CREDITS`.
        counts: Of it.
        target: The file, with a suffix of `MARKUPS`; replaced as a whole, or not at all.
    """
    markup = MARKUPS[target.suffix]
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_parts(_groups(connection, table), counts, markup))


def _parts(groups: Iterator[Group], counts: Counts, markup: Markup) -> Iterator[str]:
    yield markup.start + markup.heading("Credits")
    for lacks, some in groupby(groups, key=lambda group: group.lacks is not None):
        lead = f"{_number(counts.complete)} can be published with these credits. {_HOW}"
        if lacks:
            lead = f"{_number(counts.images - counts.complete)} cannot be published with full credit:"
        yield markup.paragraph(markup.text(lead))
        before, after = markup.items
        yield before
        yield from (markup.item(_sentence(group, markup)) for group in some)
        yield after
    if not counts.images:
        yield markup.paragraph("No images.")
    yield markup.end


def _sentence(group: Group, markup: Markup) -> str:
    """Title, author, source and licence of a group, less the title, which each image has for itself."""
    author = group.creator or group.rights_holder
    parts = [_number(group.images) + (f" by {markup.text(author)}" if author else "")]
    if group.rights_holder and group.rights_holder != author:
        parts.append(f"© {markup.text(group.rights_holder)}")
    if group.license:
        parts.append(markup.link(group.license, group.license_url) if group.license_url else markup.text(group.license))
    if group.source:
        parts.append(f"from {markup.text(group.source)}")
    return ", ".join(parts) + (f": {markup.text(group.lacks)}" if group.lacks else "")


def _number(images: int) -> str:
    return f"{images:,} {'image' if images == 1 else 'images'}"


def _groups(connection: duckdb.DuckDBPyConnection, table: Path) -> Iterator[Group]:
    found = connection.execute(_GROUPS.format(table=quote_path(table)))
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        yield from map(Group._make, rows)
