"""Nobody's server is asked by somebody who cannot be reached."""

from __future__ import annotations

import pytest

from treeline.download.contact import check_contact
from treeline.errors import ConfigError

OUTSIDE = ["example.org", "example.org:8080", "localhost.example.org", "notlocalhost", "128.0.0.1", "[2001:db8::1]:80"]
LOOPBACK = ["localhost", "localhost:8000", "a.localhost", "127.0.0.1:8000", "127.9.9.9", "[::1]", "[::1]:8000"]


@pytest.mark.parametrize(
    "user_agent", ["Owl/1 (owl@example.org)", "Owl (+https://owl.example)", "Owl http://owl.example"]
)
def test_a_mail_address_or_web_page_will_do(user_agent: str) -> None:
    check_contact(user_agent, OUTSIDE)


@pytest.mark.parametrize("server", OUTSIDE)
def test_without_one_nobody_else_is_asked(server: str) -> None:
    with pytest.raises(ConfigError, match=r"user_agent: 'Treeline/0\.1' does not say whom") as refused:
        check_contact("Treeline/0.1", [*LOOPBACK, server])
    assert server in str(refused.value)


def test_ones_own_servers_may_be_asked_by_anybody() -> None:
    check_contact("Treeline/0.1", LOOPBACK)
    check_contact("Treeline/0.1", [])
