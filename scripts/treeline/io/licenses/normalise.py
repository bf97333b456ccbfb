"""Find the licence that a text means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from treeline.io.licenses.creative_commons import Terms, is_creative_commons, terms_of_url
from treeline.io.licenses.known import known, known_licenses
from treeline.io.licenses.license import MISSING, License
from treeline.io.licenses.texts import collapse, fold, key, split_urls
from treeline.io.licenses.words import ContradictionError, evidence_in

_NOTHING_GIVEN = frozenset(
    ("", "not provided", "not given", "not specified", "unspecified", "unknown", "none", "null", "nan", "na", "n a")
)
_DOUBT = re.compile(
    r"\b(?:unless|except|excluding|otherwise|or|either|not|dual|multiple|various|mixed|gfdl|fdl|gpl|odbl|ogl|cdla)\b|\?"
)
"""Words beside which the name of a licence may mean anything but that licence."""

_PUBLIC_DOMAIN = re.compile(r"(?:[a-z.]*)/(?:publicdomain|p)/(zero|mark)(?:/1\.0)?(?:/.*)?")
_PAGE = re.compile(r"/(?:deed|legalcode|summary)[^/]*$|\.(?:html?|txt)$")
_LICENSE_HOSTS = re.compile(
    r"(?:i\.)?creativecommons\.org/(?:licen[cs]es|publicdomain|l|p)|opendatacommons\.org/licenses"
)
_SPDX_ID = re.compile(r"[A-Za-z0-9.+-]*\d[A-Za-z0-9.+-]*")


@lru_cache(maxsize=65_536)
def normalise(text: str | None) -> License:
    """Find the licence that a text means.

    A name, a code, an address, or free text around them; a text that names two licences, doubts, or names one that does
    not exist is unknown. A name without its version is not completed: `CC BY` is any of five licences.

    Args:
        text: As a table gives it; of a known licence also its `name`, `spdx_id` or `url`.

    Returns:
        The licence; `normalise(normalise(text).name)` is the same.
    """
    if text is None:
        return MISSING
    folded = fold(text)
    words = key(folded)
    if words in _NOTHING_GIVEN:
        return MISSING
    given = collapse(text)
    return known_licenses().get(words) or _read(folded) or _by_spdx_id(given) or License(given, "unknown")


def address_of(text: str) -> str | None:
    """The canonical address of the licence that a text means, or the text itself where it is an address."""
    return normalise(text).url or (text if "://" in text else None)


def _read(folded: str) -> License | None:
    urls, words = split_urls(folded)
    if _DOUBT.search(words):
        return None
    try:
        return _combined([*_evidence_of_urls(urls), *_evidence_of_words(words)])
    except ContradictionError:
        return None


def _evidence_of_urls(urls: Iterable[str]) -> Iterator[Terms | License]:
    table = known_licenses()
    for url in urls:
        if (license := table.get(url) or table.get(_PAGE.sub("", url))) is not None:
            yield license
        elif (tool := _PUBLIC_DOMAIN.fullmatch(url)) is not None and is_creative_commons(url):
            yield known("CC0 1.0" if tool[1] == "zero" else "Public Domain Mark 1.0")
        elif is_creative_commons(url) and (terms := terms_of_url(url)) is not None:
            yield terms
        elif _LICENSE_HOSTS.match(url):
            raise ContradictionError


def _evidence_of_words(words: str) -> Iterator[Terms | License]:
    if (license := known_licenses().get(key(words))) is not None:
        yield license
    else:
        yield from evidence_in(words)


def _combined(evidence: list[Terms | License]) -> License | None:
    """One licence that all evidence is of; None where there is no such one."""
    terms = [one for one in evidence if isinstance(one, Terms)]
    licenses = [one for one in evidence if isinstance(one, License)]
    if terms:
        together = reduce(_refined, terms[1:], terms[0])
        made = together.license()
        if made is None:
            return None
        licenses.append(made)
    full = [license for license in licenses if license.is_full] or licenses
    if not full or any(not _is_of(one, full[0]) for one in licenses):
        return None
    return full[0]


def _refined(first: Terms, second: Terms) -> Terms:
    together = first.refined(second)
    if together is None:
        raise ContradictionError
    return together


def _is_of(license: License, full: License) -> bool:
    """Whether a licence is another one, or a family's name that the other one may belong to."""
    return license == full or (license.status == "partial" and license.public_domain is True is full.public_domain)


def _by_spdx_id(text: str) -> License | None:
    """The licence of an SPDX identifier with a number in it: others, such as `Fair`, are words of the language too."""
    if not _SPDX_ID.fullmatch(text):
        return None
    try:
        spdx_id = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None
    return License(spdx_id, "full", spdx_id, f"https://spdx.org/licenses/{spdx_id}.html")
