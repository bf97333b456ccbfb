"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def example_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the example's photos, drawn once for all test processes."""
    return tmp_path_factory.getbasetemp().parent / "example-images"
