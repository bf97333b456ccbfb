"""The licences of Creative Commons that are made of parts: elements, a version, and for some a jurisdiction.

Which there are: https://creativecommons.org/licenses/list.en.html. Version 4.0 has no ports to jurisdictions, 2.1 has
nothing else; only few of the ports have an SPDX identifier.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from treeline.io.licenses.license import License

_JURISDICTIONS = Path(__file__).with_name("jurisdictions.csv")
ELEMENTS = ("by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa")
WITHOUT_ATTRIBUTION = ("nc", "nc-nd", "nc-sa", "nd", "sa")
"""Of version 1.0 alone."""

VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")
"""Versions without a jurisdiction."""

_ORDER = ("by", "nc", "nd", "sa")
_FOLDERS = ("licenses", "licences", "l")
_ELEMENTS_IN_URL = re.compile(r"[a-z]{2}(?:-[a-z]{2})*")
_PAGE = re.compile(r"(?:deed|legalcode|rdf)(?:\W.*)?|\d+x\d+\.png|")
"""What may follow a licence's address: its text, or a badge."""
_HOSTS = ("creativecommons.org/", "i.creativecommons.org/", "licensebuttons.net/")


@dataclass(frozen=True)
class Terms:
    """The parts of a licence, as far as they are known.

    Args:
        elements: Such as `by-nc`.
        version: Such as `4.0`.
        jurisdiction: Such as `de`; None for none.
    """

    elements: str
    version: str | None = None
    jurisdiction: str | None = None

    def refined(self, other: Terms) -> Terms | None:
        """What two texts say together; None where they contradict each other."""
        first, second = sorted((self, other), key=lambda terms: (terms.version or "", terms.jurisdiction or ""))
        agree = first.elements == second.elements and (
            first.version is None or (first.version == second.version and first.jurisdiction is None)
        )
        return second if agree or self == other else None

    def license(self) -> License | None:
        """The licence; None where there is no such one."""
        is_old = self.elements in WITHOUT_ATTRIBUTION
        if not is_old and self.elements not in ELEMENTS:
            return None
        if self.version is None:
            exists = not is_old and self.jurisdiction is None
        elif self.jurisdiction is None:
            exists = self.version in (("1.0",) if is_old else VERSIONS)
        else:
            exists = not is_old and self.version in jurisdictions()[self.jurisdiction].versions
        return self._license() if exists else None

    def _license(self) -> License:
        elements = self.elements.split("-")
        parts = [self.version, self.jurisdiction] if self.version else []
        return License(
            " ".join(["CC", self.elements.upper(), *(part.upper() for part in parts if part)]),
            "full" if self.version else "partial",
            self._spdx_id(),
            self._url(),
            attribution="by" in elements,
            share_alike="sa" in elements,
            commercial="nc" not in elements,
            derivatives="nd" not in elements,
            public_domain=False,
        )

    def _spdx_id(self) -> str | None:
        if self.version is None:
            return None
        if self.jurisdiction is None:
            return f"CC-{self.elements}-{self.version}".upper() if self.elements in (*ELEMENTS, "sa") else None
        is_listed = f"{self.elements}-{self.version}" in jurisdictions()[self.jurisdiction].in_spdx
        return f"CC-{self.elements}-{self.version}-{self.jurisdiction}".upper() if is_listed else None

    def _url(self) -> str | None:
        if self.version is None:
            return None
        elements = self.elements.replace("nc-nd", "nd-nc") if self.version == "1.0" else self.elements
        place = f"{self.jurisdiction}/" if self.jurisdiction else ""
        return f"https://creativecommons.org/licenses/{elements}/{self.version}/{place}"


class Jurisdiction(NamedTuple):
    """What licences were ported to.

    Args:
        name: In English.
        versions: Those that were ported.
        in_spdx: Elements and version, such as `by-3.0`, of the ports that have an SPDX identifier.
    """

    name: str
    versions: list[str]
    in_spdx: list[str]


@cache
def jurisdictions() -> dict[str, Jurisdiction]:
    """Every jurisdiction by its code in addresses."""
    with _JURISDICTIONS.open(encoding="utf-8", newline="") as file:
        return {
            row["code"]: Jurisdiction(row["name"], row["versions"].split(), row["in_spdx"].split())
            for row in csv.DictReader(file)
        }


def ordered(elements: set[str]) -> str:
    """Elements in the order of the licences' names."""
    return "-".join(element for element in _ORDER if element in elements)


def is_creative_commons(url: str) -> bool:
    """Whether an address, as `texts.split_urls` gives it, is one of Creative Commons."""
    return url.startswith(_HOSTS)


def terms_of_url(url: str) -> Terms | None:
    """Read the address of a licence, of its text or of its badge, as `texts.split_urls` gives it.

    Returns:
        None where it is of no form that there is.
    """
    folder, elements, version, place, *_ = [*url.split("/")[1:], "", "", "", ""]
    jurisdiction = place if place in jurisdictions() else None
    if folder not in _FOLDERS or not _ELEMENTS_IN_URL.fullmatch(elements):
        return None
    if jurisdiction is None and not _PAGE.fullmatch(place):
        return None
    return Terms(ordered(set(elements.split("-"))), version or None, jurisdiction)
