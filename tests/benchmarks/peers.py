"""img2dataset, the peer that the download stage is measured against, in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENT = "img2dataset==1.47.0"
CONCURRENCY = 32
ENVIRONMENT = {"NO_ALBUMENTATIONS_UPDATE": "1"}  # one of its parts asks for news of itself at each start
RESIZE = ("--resize_mode", "keep_ratio_largest", "--image_size", "256", "--encode_quality", "95")
NO_RESIZE = ("--resize_mode", "no", "--disable_all_reencoding", "True")


def install_img2dataset(folder: Path) -> Path | None:
    """Make img2dataset's environment, unless it is there.

    Returns:
        Its program; None where it could not be installed, with the reason printed.
    """
    program = folder / "bin" / "img2dataset"
    if not program.exists():
        pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            subprocess.run([*pip, REQUIREMENT], check=True)
        except subprocess.CalledProcessError as error:
            print(f"{REQUIREMENT} cannot be installed, so Treeline runs alone: {error}")
            return None
    return program


def img2dataset_command(
    program: Path, urls: Path, output: Path, *, processes: int, rows_per_shard: int, resize: bool
) -> list[str]:
    """Put a run's command together: Parquet out, 32 requests at once in each process."""
    return [
        *(str(program), "--url_list", str(urls), "--input_format", "parquet", "--url_col", "identifier"),
        *("--output_folder", str(output), "--output_format", "parquet"),
        *("--processes_count", str(processes), "--number_sample_per_shard", str(rows_per_shard)),
        *("--thread_count", str(CONCURRENCY), "--enable_wandb", "False"),
        *(RESIZE if resize else NO_RESIZE),
    ]
