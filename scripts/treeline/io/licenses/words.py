"""Licences of Creative Commons as people write them: `CC_BY_4_0`, `cc-by-nc`, `Attribution-ShareAlike 3.0 Germany`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from treeline.io.licenses.creative_commons import Terms, jurisdictions, ordered
from treeline.io.licenses.known import known
from treeline.io.licenses.license import License
from treeline.io.licenses.texts import collapse


class ContradictionError(ValueError):
    """A text names a licence that there is not, or several."""


_SYNONYMS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\b(\d)-(\d)\b"), r"\1.\2"),  # CC_BY_4_0
    (re.compile(r"creative[ -]*commons"), "creativecommons"),
    (re.compile(r"\b(?:cc)?(?:by|nc|nd|sa){2,}\b|\bccby\b"), lambda glued: "-".join(re.findall("..", glued[0]))),
    (re.compile(r"non[ -]*commercial"), "nc"),
    (re.compile(r"share[ -]*alike"), "sa"),
    (re.compile(r"no[ -]*deriv(?:ative)?s?(?:[ -]*works?)?\b"), "nd"),
)
_GAP = r"[^\w.,;?]*"
_WORDS = r"(?:licen[cs]e|version|ver\.?|v\.?|public|international|generic|unported|deed)"
_ELEMENT = r"(?:attribution|by|nc|nd|sa)"
_PHRASE = re.compile(
    rf"(?P<brand>\b(?:cc|creativecommons)\b{_GAP}(?:{_WORDS}{_GAP})*(?:(?P<early>\d\.\d){_GAP})?)?"
    rf"\b(?P<elements>{_ELEMENT}(?:[ \-/+,]+{_ELEMENT})*)\b"
    rf"(?P<behind>{_GAP}\b(?:cc|creativecommons)\b(?!{_GAP}{_ELEMENT}\b))?"
    rf"(?:{_GAP}(?:{_WORDS}{_GAP})*(?P<late>\d+\.\d+|\d+(?= *(?:$|[^\w .])))|(?P<torn>-[^\W\d]))?"
)
_MADE_BY = re.compile(rf"(?<![-_])by +(?!{_ELEMENT}\b|{_WORDS}\b|v\d|cc\b|creativecommons\b)[^\W\d]")
"""The word `by` before a name: no element of a licence."""

_PLACE = re.compile(
    r"[ \-(]*(?:(?:unported|generic)[ \-(]*)?(?:"
    + "|".join(
        rf"(?P<{code}>{code}(?= *(?:$|[)\],;./]|licen[cs]e))|{place.name.replace(' ', '[^a-z0-9]+')}\b)"
        for code, place in jurisdictions().items()
    )
    + ")"
)
_ONE_VERSION = r"(?:[ \-(]*(?:v|version|universal)?[ \-(]*(\d+(?:\.\d+)?))?"
_ZERO = re.compile(rf"\b(?:cc|creativecommons)[ \-(]*(?:cc[ -]*)?(?:0|zero)(?!\.?\d){_ONE_VERSION}")
_MARK = re.compile(rf"(?:\b(?:cc|creativecommons)[ -]*)?(?:public[ -]*domain[ -]*mark|\bpdm\b){_ONE_VERSION}")
_TERMS_OF_ITS_OWN = re.compile(
    r"permission|\bonly\b|deriv|modif|\b(?:[1-4]\.0|2\.5)\b|"
    r"(?:research|educational|academic|personal|private|scientific) (?:use|purpose)"
)
"""Beside the name of a licence, words that may take back what it gives; `commercial` may, where it gives that."""
_RESERVED = re.compile(r"\ball rights (?:are )?reserved\b")
_FILLER = re.compile(rf"\b{_WORDS}\b|[\W_]+")
_FIRST_YEAR = 1800


def evidence_in(folded: str) -> Iterator[Terms | License]:
    """Find what a text without addresses says of licences of Creative Commons, and whether it reserves all rights.

    Args:
        folded: As `texts.fold` gives it.

    Raises:
        ContradictionError: It names a licence that there is not, or several.
    """
    for pattern, name in ((_ZERO, "CC0 1.0"), (_MARK, "Public Domain Mark 1.0")):
        for match in pattern.finditer(folded):
            if match[1] not in (None, "1", "1.0"):
                raise ContradictionError
            yield known(name)
        folded = pattern.sub(" ", folded)
    if _RESERVED.search(folded):
        yield known("All rights reserved")
    yield from _terms_in(folded)


def _terms_in(folded: str) -> Iterator[Terms]:
    for pattern, replacement in _SYNONYMS:
        folded = pattern.sub(replacement, folded)
    branded: list[Terms] = []
    described: list[Terms] = []
    rest, end = "", 0
    for phrase in _PHRASE.finditer(folded):
        place = _PLACE.match(folded, phrase.end())
        rest += folded[end : phrase.start()]
        end = place.end() if place else phrase.end()
        if phrase["torn"] and not place:
            raise ContradictionError  # an element that there is not
        is_branded = bool(phrase["brand"] or phrase["behind"])
        terms = Terms(_elements(phrase["elements"]), _version(phrase), place.lastgroup if place else None)
        if not _MADE_BY.match(folded, phrase.start("elements")):
            (branded if is_branded else described).append(terms)
        elif is_branded:
            raise ContradictionError  # `CC by Jane` says whose it is, and not which licence
    rest += folded[end:]
    if branded:
        if _TERMS_OF_ITS_OWN.search(rest) or ("commercial" in rest and "nc" not in branded[0].elements):
            raise ContradictionError
        yield from branded
        yield from (terms for terms in described if not _explains(terms, branded[0]))
    elif described and not collapse(_FILLER.sub(" ", rest)) and _says_enough(folded, described):
        yield from described


def _elements(text: str) -> str:
    return ordered({"by" if element == "attribution" else element for element in re.findall(_ELEMENT, text)})


def _version(phrase: re.Match[str]) -> str | None:
    version = phrase["early"] or phrase["late"]
    if version is None or (version.isdecimal() and int(version) >= _FIRST_YEAR):
        return None
    return version if "." in version else f"{version}.0"


def _explains(described: Terms, branded: Terms) -> bool:
    """Whether it names some of a licence's elements again, as in `CC BY-NC (Attribution)`."""
    return described.version is None and set(described.elements.split("-")) < set(branded.elements.split("-"))


def _says_enough(text: str, described: list[Terms]) -> bool:
    """Without its name, a licence is recognised by two elements, a version, or that it is called a licence."""
    return "licen" in text or any("-" in terms.elements or terms.version for terms in described)
