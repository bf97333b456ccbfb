"""No name from outside leads out of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treeline.io.names import decode_server_name, encode_server_name, is_safe_uuid, mask_credentials
from treeline.paths import shard_folder


@settings(deadline=None)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_server_name_is_one_folder_and_comes_back(name: str) -> None:
    encoded = encode_server_name(name)
    assert decode_server_name(encoded) == name
    folder = Path("images") / shard_folder(encoded, 0)
    assert len(folder.parts) == 3
    assert ".." not in folder.parts
    assert "\0" not in encoded


def test_ordinary_names_stay_readable() -> None:
    assert encode_server_name("example.org:8080") == "example.org%3A8080"


def test_a_name_too_long_for_a_folder_is_refused() -> None:
    assert len(encode_server_name("a" * 243)) == 243
    with pytest.raises(ValueError, match="too long"):
        encode_server_name("a" * 244)


@pytest.mark.parametrize("uuid", ["a", "0b5a5f6e-1c1c-5ad4-9e4c-6d5d7f3a2b1c", "x" * 128, "A_1"])
def test_ordinary_uuids_are_safe(uuid: str) -> None:
    assert is_safe_uuid(uuid)


@pytest.mark.parametrize("uuid", ["", "..", "a/b", "a.b", "-a", "a\n", "a\0", "é", "x" * 129, "C:", " a"])
def test_uuids_that_could_do_harm_are_not(uuid: str) -> None:
    assert not is_safe_uuid(uuid)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://user:secret@a.org/b@c", "http://***@a.org/b@c"),
        ("cannot reach HTTPS://token@a.org:80, mail x@y.org", "cannot reach HTTPS://***@a.org:80, mail x@y.org"),
        ("http://a@b:c@d.org and ftp://u:p@e.org", "http://***@d.org and ftp://***@e.org"),
        ("http://a.org/?q=@ is fine", "http://a.org/?q=@ is fine"),
    ],
)
def test_credentials_are_masked_in_any_text(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked


def test_masking_takes_no_longer_for_long_words() -> None:
    text = "a" * 1_000_000
    assert mask_credentials(text) == text
