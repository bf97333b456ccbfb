"""These tests drive Debian's Chromium, and are not among those of plain `pytest`: `make browser-test` runs them.

They need Debian's packages `chromium` and `chromium-driver`, which are of one version, and the Python package selenium.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.previews import make_preview, write_shards

if TYPE_CHECKING:
    from tests.browser.page import Page

PROGRAMS = ("chromium", "chromedriver")


def pytest_configure() -> None:
    """Say what is missing, once and clearly."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise pytest.UsageError(f"tests/browser needs {' and '.join(missing)}: apt install chromium chromium-driver")
    if find_spec("selenium") is None:
        raise pytest.UsageError("tests/browser needs selenium: pip install selenium")


@pytest.fixture(scope="session")
def page() -> Iterator[Page]:
    """A browser; each test opens what it looks at."""
    from tests.browser.page import open_browser

    with open_browser() as page:
        yield page


@pytest.fixture(scope="session")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preview of two servers' shards."""
    root = tmp_path_factory.mktemp("preview")
    results, decoded = write_shards(root, 24)
    make_preview(results, decoded, root / "out")
    return root / "out"
