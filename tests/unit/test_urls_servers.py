from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.io.names import encode_server_name
from treeline.urls.servers import ServerNameTooLongError, normalize_server


@pytest.mark.parametrize(
    ("scheme", "authority", "server"),
    [
        ("http", "Example.ORG", "example.org"),
        ("http", "example.org:80", "example.org"),
        ("https", "example.org:443", "example.org"),
        ("https", "example.org:80", "example.org:80"),
        ("http", "example.org:", "example.org"),
        ("http", "example.org:08080", "example.org:8080"),
        ("http", "example.org.", "example.org"),
        ("http", "static_1.example.org", "static_1.example.org"),
        ("http", "127.0.0.1:8000", "127.0.0.1:8000"),
        ("http", "[2001:DB8::0:1]:8080", "[2001:db8::1]:8080"),
        ("http", "bücher.example", "xn--bcher-kva.example"),
        ("http", "BÜCHER。example", "xn--bcher-kva.example"),
    ],
)
def test_one_server_has_one_name(scheme: str, authority: str, server: str) -> None:
    assert normalize_server(scheme, authority) == server


@pytest.mark.parametrize(
    "authority",
    [
        "", ":80", "..", "../..", "a..b", ".a", "a b", "a%2e%2e", "a\\b", "a\x00b", "a\nb", "user@a", "a:b", "a:0",
        "a:65536", "a:" + "9" * 900, "[::1", "[::g]", "[1:2]", "a:80:80", "\u2026", "\ud800", "x" * 64 + ".org",
    ],
)  # fmt: skip
def test_what_names_no_server_is_refused(authority: str) -> None:
    with pytest.raises(ValueError):
        normalize_server("http", authority)


@pytest.mark.parametrize("authority", [".".join(["abcdefg"] * 40), "a" * 5000, "é" * 5000])
def test_a_name_too_long_for_a_folder_says_so(authority: str) -> None:
    with pytest.raises(ServerNameTooLongError):
        normalize_server("http", authority)


@settings(deadline=None)
@given(st.sampled_from(["http", "https"]), st.text(max_size=40) | st.from_regex(r"[a-zé.:\[\]]{1,20}", fullmatch=True))
def test_a_name_is_a_plain_folder_and_stays_as_it_is(scheme: str, authority: str) -> None:
    try:
        server = normalize_server(scheme, authority)
    except ValueError:
        return
    folder = encode_server_name(server)
    assert folder.isascii() and "/" not in folder and folder not in ("", ".", "..")
    assert server == server.lower() == normalize_server(scheme, server)
