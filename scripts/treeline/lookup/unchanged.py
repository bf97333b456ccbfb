"""Files that keep their time where they would not change."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from treeline.io.atomic import atomic_path


def replace_when_changed(new: Path, target: Path) -> None:
    """Move `new` to `target`, unless `target` has the same bytes: then its time stays, and nothing after it reruns."""
    if target.exists() and filecmp.cmp(new, target, shallow=False):
        return
    with atomic_path(target) as temporary:
        shutil.move(new, temporary)
