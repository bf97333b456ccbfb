"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# At every start, Snakemake's plugin asks Slurm for its settings. Where Slurm's programs are installed and nobody
# answers, as after `make slurm-test`, that takes 9 seconds; with an empty configuration, none. tests/slurm undoes this.
os.environ.setdefault("SLURM_CONF", os.devnull)

# Tests run in two processes a core. And where a process has computed in several threads, one that is forked from it
# waits for them for ever.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes says something of the machine, not of the code.
hypothesis.settings.register_profile("treeline", deadline=None)
hypothesis.settings.load_profile("treeline")

LONGEST = (
    "test_kill.py",
    "test_models_rules.py",
    "test_tools_rules.py",
    "test_pipeline.py",
    "test_kill_downloads.py",
    "test_download_fleet.py",
    "test_download_shard_stopped.py",
    "test_detections_rules.py",
    "test_lookup_extract_rules.py",
    "test_download_polite.py",
    "test_download_shard.py",
    "test_download_retry.py",
    "test_table.py",
    "test_detect_shard.py",
    "test_status.py",
    "test_download_profile.py",
    "test_hostile_table.py",
    "test_kill_catalog.py",
    "test_catalog_camtrap_write.py",
    "test_catalog_export_megadb.py",
    "test_catalog_coco_camera_traps.py",
    "test_catalog_detector_set.py",
    "test_catalog_crop_set.py",
)
"""Files that take longest, in order: each is one worker's, and what starts last ends last."""


def pytest_xdist_auto_num_workers() -> int:
    """Two processes a core: some tests wait. All take 14 minutes on two cores; with one or three processes each, 16."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files start first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def example_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the example's photos, drawn once for all test processes."""
    return tmp_path_factory.getbasetemp().parent / "example-images"
