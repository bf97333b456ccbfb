"""The page's own style and script, and those that it shares with the gallery of detections."""

from __future__ import annotations

from pathlib import Path

from starlette.staticfiles import StaticFiles

import treeline

SHARED = Path(treeline.__file__).parent / "page"
OWN = Path(__file__).parent / "page"


class StaticFolders(StaticFiles):
    """Serves the files of both folders under one address."""

    def __init__(self) -> None:
        super().__init__(directory=OWN)
        self.all_directories = [OWN, SHARED]
