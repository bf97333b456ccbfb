"""Texts in the form in which they are compared."""

from __future__ import annotations

import re
import unicodedata

_DASHES = re.compile(r"[‐‑‒–—―−_]")
_URL = re.compile(r"(?:https?:)?(?://)?(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"'\[\](){}|,;]*")
_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)*")
_NOISE = frozenset(("the", "v", "ver", "version", "license", "licence", "agreement", "variant"))


def collapse(text: str) -> str:
    """Take each stretch of white space as one space, and none at the ends."""
    return " ".join(text.split())


def fold(text: str) -> str:
    """Bring to lower case, compatible characters and plain hyphens."""
    return collapse(_DASHES.sub("-", unicodedata.normalize("NFKC", collapse(text)).casefold()))


def key(folded: str) -> str:
    """Bring a folded text to the words and versions that tell licences apart: `odbl-1.0` and `ODbL v1` are one.

    A text with a question mark has no such form: whoever wrote it was not sure.
    """
    if "?" in folded:
        return "?"
    words = (word for word in _WORD.findall(folded) if word not in _NOISE)
    return " ".join(f"{word}.0" if word.isdecimal() else word for word in words)


def split_urls(folded: str) -> tuple[list[str], str]:
    """Find the addresses in a folded text.

    Returns:
        Each address without scheme, `www.`, query, fragment and trailing slash; and the text without them.
    """
    found = [re.split(r"[?#]", url)[0] for url in _URL.findall(folded)]
    plain = [re.sub(r"^(?:https?:)?(?://)?(?:www\.)?", "", url).rstrip("/.:") for url in found]
    return plain, collapse(_URL.sub(" ", folded))
