"""What is known of a licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["full", "partial", "none", "unknown", "missing"]
"""How much a text says.

- `full`: one licence, version and all; it can be published under.
- `partial`: a family of licences, such as CC BY without its version, or the words "public domain".
- `none`: it says that no licence is given, such as "all rights reserved".
- `unknown`: it is no licence that is known here, or names several.
- `missing`: there is no text, or one such as "not provided".
"""


@dataclass(frozen=True)
class License:
    """A licence, or what a text says instead of one.

    Args:
        name: Short name, such as `CC BY-NC 4.0`; the text itself where it is unknown, None where it is missing.
        status: How much the text says.
        spdx_id: SPDX identifier, where there is one; many ports of Creative Commons licences have none.
        url: Canonical address, where there is one.
        attribution: The creator has to be named; None where that is not known, here and below.
        share_alike: What is made of it has to be given on under the same licence.
        commercial: It may be used commercially.
        derivatives: What is made of it may be given on.
        public_domain: Nobody claims rights in it any more.
    """

    name: str | None
    status: Status
    spdx_id: str | None = None
    url: str | None = None
    attribution: bool | None = None
    share_alike: bool | None = None
    commercial: bool | None = None
    derivatives: bool | None = None
    public_domain: bool | None = None

    @property
    def is_full(self) -> bool:
        """Whether it is one licence, version and all."""
        return self.status == "full"


MISSING = License(None, "missing")
