"""What a report's page holds, read with the standard library alone."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd


@dataclass
class ReportPage(HTMLParser):
    """Tables by caption, ids, links and texts of a page."""

    text: str
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._into: list[str] | None = None
        self._rows: list[list[str]] = []
        self._label = ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if "id" in facts:
            self.ids.append(facts["id"])
        if tag == "a":
            self.links[facts.get("download") or facts["href"]] = facts["href"]
        elif tag == "img":
            self.images.append(facts["src"])
        elif tag == "table":
            self._rows = []
        elif tag == "div" and facts.get("role") == "region":
            self._label = facts["aria-label"]
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._into = self._rows[-1]
            self._into.append("")
        elif tag == "h2":
            self._into = self.headings
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "h2"):
            self._into = None
        elif tag == "table":
            self.tables[self._label] = self._rows

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data

    def csv(self, name: str) -> pd.DataFrame:
        """The numbers behind a figure."""
        head, _, content = self.links[f"{name}.csv"].partition(",")
        assert head == "data:text/csv;charset=utf-8;base64"
        return pd.read_csv(io.BytesIO(base64.b64decode(unquote(content))), keep_default_na=True)
