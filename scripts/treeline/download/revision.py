"""What earlier tries leave of a shard whose failed images are asked for again.

    images/server_name=S/partition_id=N/errors.0001.parquet, errors.0002.parquet, ...

Each retry keeps the errors that it puts an end to under the next number, and the shard that is made anew says in its
tables' metadata how many came before it (`revision`), and which error codes were tried again (`retried`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from treeline.io.atomic import link_or_copy


class Revision(NamedTuple):
    """How often a shard was made anew for its errors.

    Args:
        number: 0 for the first tables.
        retried: Values of `error_code` whose rows were asked for once more.
    """

    number: int = 0
    retried: frozenset[int] = frozenset()

    def facts(self) -> dict[str, str]:
        """As facts for a table's metadata; none of the first tables."""
        if not self.number:
            return {}
        return {"revision": str(self.number), "retried": json.dumps(sorted(self.retried))}


def revision_of(facts: Mapping[str, str]) -> Revision:
    """Read what `Revision.facts` wrote; the first revision where there is nothing."""
    return Revision(int(facts.get("revision", 0)), frozenset(json.loads(facts.get("retried", "[]"))))


def keep_errors(shard: Path) -> int:
    """Keep a shard's errors under the next number, unless a retry that was killed has done so already.

    Args:
        shard: Folder of the finished shard.

    Returns:
        The number.
    """
    errors = shard / "errors.parquet"
    kept = {int(file.name.split(".")[1]): file for file in shard.glob("errors.[0-9]*.parquet")}
    last = max(kept, default=0)
    if last and kept[last].read_bytes() == errors.read_bytes():
        return last
    link_or_copy(errors, shard / f"errors.{last + 1:04d}.parquet")
    return last + 1
