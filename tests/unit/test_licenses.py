"""What people write as a licence, and what it is taken for."""

from __future__ import annotations

from itertools import product

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from treeline.io.licenses import LICENSE_COLUMNS, License, make_license_table, normalise
from treeline.io.licenses.creative_commons import ELEMENTS, VERSIONS, WITHOUT_ATTRIBUTION, Terms, jurisdictions
from treeline.io.licenses.known import known_licenses
from treeline.schemas import NOT_PROVIDED

FULL = {
    # GBIF: its vocabulary, and spellings that its dictionary of licences lists.
    "CC0_1_0": "CC0-1.0",
    "CC_BY_4_0": "CC-BY-4.0",
    "CC_BY_NC_4_0": "CC-BY-NC-4.0",
    "http://creativecommons.org/publicdomain/zero/1.0/legalcode": "CC0-1.0",
    "http://creativecommons.org/licenses/by-nc/4.0/legalcode": "CC-BY-NC-4.0",
    "http://creativecommons.org/licenses/by/4.0/legalcode#languages": "CC-BY-4.0",
    "https://creativecommons.org/licenses/by/4.0/deed.en": "CC-BY-4.0",
    "http://creativecommons.org/licences/by-nc-sa/3.0/legalcode": "CC-BY-NC-SA-3.0",
    "http://creativecommons.org/share-your-work/public-domain/cc0/": "CC0-1.0",
    "https://i.creativecommons.org/l/by-nc/4.0/80x15.png": "CC-BY-NC-4.0",
    "Creative Commons Attribution (CC-BY) 4.0 License": "CC-BY-4.0",
    "Creative Commons Attribution Non Commercial (CC-BY-NC) 4.0 License": "CC-BY-NC-4.0",
    "Public Domain (CC0 1.0)": "CC0-1.0",
    "CC0 1.0 (Public-domain)": "CC0-1.0",
    "cc-zero": "CC0-1.0",
    "BY-NC-SA 2.0": "CC-BY-NC-SA-2.0",
    "Attribution 4.0 International (CC BY 4.0)": "CC-BY-4.0",
    "Creative Commons - Atribuição 4.0 Internacional "
    "http://creativecommons.org/licenses/by/4.0/deed.pt_BR": "CC-BY-4.0",
    "CreativeCommons � Attribution Share-Alike (by-sa) 4.0": "CC-BY-SA-4.0",
    "This work is licensed under a Creative Commons CCZero 1.0 License "
    "http://creativecommons.org/publicdomain/zero/1.0/legalcode": "CC0-1.0",
    "Images provided by this server are released under the Creative Commons cc-by-sa 3.0 (generic) licence "
    "[http://creativecommons.org/licenses/by-sa/3.0/de/]. Please credit Herbarium Erlangense.": "CC-BY-SA-3.0-DE",
    "http://www.opendatacommons.org/licenses/pddl/1.0": "PDDL-1.0",
    "http://opendatacommons.org/licenses/odbl/1.0/": "ODbL-1.0",
    "This dataset is made available under the Open Data Commons Attribution License: "
    "http://opendatacommons.org/licenses/by/1.0/.": "ODC-By-1.0",
    # EOL, FathomNet, LILA, iNaturalist, Flickr, Wikimedia Commons, Hugging Face
    "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0",
    "http://creativecommons.org/licenses/publicdomain/": "CC-PDDC",
    "https://creativecommons.org/licenses/by-nc-nd/4.0/legalcode": "CC-BY-NC-ND-4.0",
    "CC BY-NC-ND 4.0 DEED Attribution-NonCommercial-NoDerivs 4.0 International": "CC-BY-NC-ND-4.0",
    "https://cdla.io/permissive-1-0/": "CDLA-Permissive-1.0",
    "CDLA-permissive 1.0": "CDLA-Permissive-1.0",
    "Community Data License Agreement – Permissive – Version 2.0 (CDLA-Permissive-2.0)": "CDLA-Permissive-2.0",
    "© Jane Doe, no rights reserved (CC0)": "CC0-1.0",
    "http://creativecommons.org/licenses/by-nc-sa/2.0/": "CC-BY-NC-SA-2.0",
    "CC-BY-SA-3.0-migrated": "CC-BY-SA-3.0",
    "cc-by-4.0": "CC-BY-4.0",
    # Ports and old versions
    "http://creativecommons.org/licenses/by-nc-sa/2.0/uk/": "CC-BY-NC-SA-2.0-UK",
    "Creative Commons Attribution 3.0 Germany": "CC-BY-3.0-DE",
    "CC BY-SA 2.1 JP": "CC-BY-SA-2.1-JP",
    "http://creativecommons.org/licenses/by-nd-nc/1.0/": "CC-BY-NC-ND-1.0",
    "http://creativecommons.org/licenses/sa/1.0/": "CC-SA-1.0",
    # Others
    " cc\tby\n4 ": "CC-BY-4.0",
    "CC 4.0 BY-SA": "CC-BY-SA-4.0",
    "ccbyncsa 4.0": "CC-BY-NC-SA-4.0",
    "CC BY-NC 4.0 http://creativecommons.org/licenses/by-nc/": "CC-BY-NC-4.0",
    '<a href="https://creativecommons.org/licenses/by-nc/4.0/">CC BY-NC 4.0</a>': "CC-BY-NC-4.0",
    "Photo by John Smith, CC BY 4.0": "CC-BY-4.0",
    "https://creativecommons.org/publicdomain/mark/1.0/deed.de": "CC-PDM-1.0",
    "mit license": "MIT",
    "GNU Free Documentation License v1.2": "GFDL-1.2-only",
    "GFDL-1.2-or-later": "GFDL-1.2-or-later",
    "Open Database License (ODbL) v1.0": "ODbL-1.0",
    "Open Government Licence v3.0": "OGL-UK-3.0",
    "EUPL-1.2": "EUPL-1.2",
}
"""Texts, and the SPDX identifier of the licence that they mean."""

OTHERS = {
    # Families: without a version a licence is not full, whatever others take it for.
    "CC BY": ("partial", "CC BY"),
    "cc-by-nc": ("partial", "CC BY-NC"),
    "Creative Commons Attribution": ("partial", "CC BY"),
    "Attribution-NonCommercial-ShareAlike License": ("partial", "CC BY-NC-SA"),
    "CC BY-NC-SA, no commercial use": ("partial", "CC BY-NC-SA"),
    "[Copyright] Field Museum of Natural History - CC BY-NC": ("partial", "CC BY-NC"),
    "(c) Jane Doe, some rights reserved (CC BY-NC)": ("partial", "CC BY-NC"),
    "CC BY (2014)": ("partial", "CC BY"),
    "http://creativecommons.org/licenses/by-nc/": ("partial", "CC BY-NC"),
    "public domain": ("partial", "Public domain"),
    "cc-publicdomain": ("partial", "Public domain"),
    "Community Data License Agreement (permissive variant)": ("partial", "CDLA Permissive"),
    "OGL": ("partial", "Open Government Licence"),
    "gnu-fdl": ("partial", "GFDL"),
    "ODbL": ("partial", "ODbL"),
    "United States Government Work": ("partial", "United States Government Work"),
    # A port without an SPDX identifier is full all the same.
    "http://creativecommons.org/licenses/by/2.0/uk/": ("full", "CC BY 2.0 UK"),
    "CC BY-NC-ND 2.5 Scotland": ("full", "CC BY-NC-ND 2.5 SCOTLAND"),
    # No licence
    "All rights reserved": ("none", "All rights reserved"),
    "(c) Jane Doe, all rights reserved": ("none", "All rights reserved"),
    "http://rightsstatements.org/vocab/InC/1.0/": ("none", "All rights reserved"),
    "http://www.flickr.com/commons/usage/": ("none", "No known copyright restrictions"),
    "": ("missing", None),
    "  ": ("missing", None),
    NOT_PROVIDED: ("missing", None),
    "UNSPECIFIED": ("missing", None),
    "n/a": ("missing", None),
}

UNKNOWN = (
    *("UNSUPPORTED", "?", "CC BY?", "CC", "C", "fair", "Attribution", "by", "sand", "© 2012 John Smith", "OGLC 2.0"),
    *("CC by John Smith", "Photo by X / Creative Commons", "Creative Commons", "https://creativecommons.org/"),
    *("CC BY or CC0", "CC BY and CC0", "CC BY; CC BY-NC", "CC BY 4.0 unless noted", "CC BY-SA 3.0, GFDL"),
    *("cc-by-sa-3.0,2.5,2.0,1.0", "CC BY 4.0 with permission", "CC BY 4.0 for non commercial use", "CC BY-NonComm"),
    *("CC BY 3.5", "CC0 4.0", "CC BY-XX 4.0", "CC-BY-4.0-DE", "CC BY 2.1", "CC BY-ND-SA 4.0", "CC NC 4.0"),
    *("http://creativecommons.org/licenses/by/9.9/", "http://creativecommons.org/licenses/by/3.0/xx/"),
    *("http://creativecommons.org/licenses/publicdomain/3.0/", "http://opendatacommons.org/licenses/dbcl/1.0/"),
    *("CC BY-NC 4.0 http://creativecommons.org/licenses/by/4.0/", "All rights reserved. CC BY 4.0"),
)

EVERY = [
    license
    for elements, version, place in product(
        (*ELEMENTS, *WITHOUT_ATTRIBUTION), (*VERSIONS, "2.1", None), (None, *jurisdictions())
    )
    if (license := Terms(elements, version, place).license()) is not None
] + list(set(known_licenses().values()))

FRAGMENTS = (
    *("cc", "by", "nc", "nd", "sa", "0", "4.0", "4", "1.0", "2.1", "de", "uk", "germany", "creative", "commons", "or"),
    *("attribution", "non", "commercial", "share", "alike", "no", "derivatives", "public", "domain", "mark", "and"),
    *("all", "rights", "reserved", "licence", "license", "version", "v", "unported", "photo by Jane", "mit", "gfdl"),
    *("https://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/publicdomain/zero/1.0/", "by-nc"),
    *("_", "-", "(", ")", ",", "?", "©", "2012"),
)
LICENSE_LIKE = st.lists(st.sampled_from(FRAGMENTS), max_size=8).flatmap(
    lambda words: st.sampled_from(("", " ", "-", "_")).map(lambda gap: gap.join(words))
)


@pytest.mark.parametrize(("text", "spdx_id"), FULL.items())
def test_a_licence_is_recognised_as_people_write_it(text: str, spdx_id: str) -> None:
    license = normalise(text)
    assert (license.status, license.spdx_id) == ("full", spdx_id)


@pytest.mark.parametrize(("text", "meaning"), OTHERS.items())
def test_what_says_less_than_a_licence_with_an_identifier_stays_that(
    text: str, meaning: tuple[str, str | None]
) -> None:
    license = normalise(text)
    assert (license.status, license.name) == meaning
    assert license.spdx_id is None


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_ambiguous_or_does_not_exist_stays_unknown(text: str) -> None:
    assert normalise(text) == License(text, "unknown")


def test_nothing_is_missing() -> None:
    assert normalise(None) == License(None, "missing")


@given(st.one_of(st.text(), LICENSE_LIKE))
def test_normalising_again_changes_nothing(text: str) -> None:
    license = normalise(text)
    assert normalise(license.name) == license


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("page", ["", "legalcode", "deed.en", "legalcode.fr#s3"])
def test_every_canonical_address_is_that_of_its_licence(scheme: str, page: str) -> None:
    addressed = [license for license in EVERY if license.url and license.url.startswith("https://creativecommons.org")]
    assert len(addressed) > 500
    assert len({license.url for license in addressed}) == len(addressed)
    for license in addressed:
        assert license.url is not None
        url = license.url.replace("https", scheme) + page
        assert normalise(url) == normalise(f" {url.upper()} ") == normalise(url.rstrip("/")) == license


def test_every_licence_is_found_by_its_name_identifier_and_address() -> None:
    for license in EVERY:
        for text in filter(None, (license.name, license.spdx_id, license.url)):
            assert normalise(text) == normalise(text.lower()) == license


def test_identifiers_are_those_of_the_spdx_list() -> None:
    newer = {"CC-PDM-1.0", "CC-SA-1.0"}  # than the list that comes with `packaging`
    for license in EVERY:
        if license.spdx_id and license.spdx_id not in newer:
            assert canonicalize_license_expression(license.spdx_id) == license.spdx_id
        elif license.status == "full" and license.name and license.name.startswith("CC "):
            with pytest.raises(InvalidLicenseExpression):
                canonicalize_license_expression(license.name.replace(" ", "-"))


@given(st.sampled_from([license for license in EVERY if license.status == "full"]))
def test_terms_are_those_of_the_elements(license: License) -> None:
    if license.name and license.name.startswith("CC "):
        elements = license.name.split()[1].split("-")
        if elements[0] in ("BY", "NC", "ND", "SA"):
            assert license.attribution == ("BY" in elements)
            assert license.share_alike == ("SA" in elements)
            assert license.commercial != ("NC" in elements)
            assert license.derivatives != ("ND" in elements)
    assert None not in (license.attribution, license.share_alike, license.commercial, license.derivatives)


def test_the_table_for_queries_says_of_each_text_what_python_says() -> None:
    texts = [*FULL, *OTHERS, *UNKNOWN, None, "it's; DROP TABLE"]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE images (number INTEGER, license VARCHAR)")
        connection.executemany("INSERT INTO images VALUES (?, ?)", list(enumerate([*texts, *texts])))
        make_license_table(connection, "licenses", "SELECT license FROM images")
        rows = connection.execute(f"""
            SELECT license, {", ".join(LICENSE_COLUMNS)}
            FROM images JOIN licenses ON given IS NOT DISTINCT FROM license ORDER BY number
        """).fetchall()
        [(distinct,)] = connection.execute("SELECT count(*) FROM licenses").fetchall()
    assert distinct == len(texts)
    assert len(rows) == 2 * len(texts)
    for text, name, spdx_id, url, status, *terms in rows:
        license = normalise(text)
        assert (name, spdx_id, url, status) == (license.name, license.spdx_id, license.url, license.status)
        assert terms == [
            *(license.attribution, license.share_alike, license.commercial, license.derivatives, license.public_domain)
        ]
