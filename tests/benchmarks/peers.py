"""The peers that the download stage is measured against, each in an environment of its own.

img2dataset comes from the package index. The upstream downloader, which Treeline replaces, does not: it needs a
checkout of https://github.com/Imageomics/distributed-downloader, and what runs is its own MPI program, as one rank,
with a schedule of one batch.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence, Set
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, urlsplit

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from PIL import Image

from tests.benchmarks.downloaders import (
    CONCURRENCY,
    IMAGE_SIZE,
    JPEG_QUALITY,
    Downloader,
    Stored,
    read_images,
    write_batch,
)

IMG2DATASET = "img2dataset==1.47.0"
UPSTREAM_PROGRAM = "distributed_downloader.core.MPI_multimedia_downloader"
UPSTREAM_RATE = 1000  # requests a second, far more than it reaches; it keeps a list of 1.5 times as many connections
SECONDS_OF_A_JOB = 86_400


class Img2dataset:
    """img2dataset with one process and as many requests at once as Treeline.

    Args:
        folder: Of its environment, made unless it is there.
    """

    name = "img2dataset"
    environment = {"NO_ALBUMENTATIONS_UPDATE": "1"}  # one of its parts asks for news of itself at each start

    def __init__(self, folder: Path) -> None:
        self._program = folder / "bin" / "img2dataset"
        self.is_available = self._program.exists() or install(folder, IMG2DATASET)

    def prepare(self, folder: Path, urls: Sequence[str], *, resize: bool) -> list[str]:
        """See `Downloader`."""
        table = folder / "urls.parquet"
        write_batch(table, urls)
        as_served = ("--resize_mode", "no", "--disable_all_reencoding", "True")
        reduced = ("--resize_mode", "keep_ratio_largest", "--image_size", str(IMAGE_SIZE))
        return [
            *(str(self._program), "--url_list", str(table), "--input_format", "parquet", "--url_col", "identifier"),
            *("--output_folder", str(folder / "out"), "--output_format", "parquet", "--enable_wandb", "False"),
            *("--processes_count", "1", "--thread_count", str(CONCURRENCY)),
            *("--number_sample_per_shard", str(len(urls)), "--encode_quality", str(JPEG_QUALITY)),
            *(reduced if resize else as_served),
        ]

    def stored(self, folder: Path, wanted: Set[str]) -> Stored:
        """See `Downloader`."""
        files = list((folder / "out").glob("*.parquet"))
        states = (pq.read_table(file, columns=["status"])["status"] for file in files)
        count = sum(pc.sum(pc.equal(state, "success")).as_py() for state in states)
        return Stored(count, _size(files), dict(read_images(files, ["url", "jpg"], wanted)))


class Upstream:
    """The downloader that Treeline replaces; stores raw pixels, and cannot leave images as they are served.

    Args:
        folder: Of its environment, made unless it is there.
        checkout: Of its repository; where there is none, it is not available.
    """

    name = "upstream downloader"

    def __init__(self, folder: Path, checkout: Path | None) -> None:
        self._folder = folder
        self._program = folder / "bin" / "distributed_downloader"
        self.is_available = checkout is not None and (
            self._program.exists() or install(folder, str(checkout.resolve()), "mpich")
        )
        if checkout is None:
            print("The upstream downloader is not measured: --upstream has to name a checkout of it.")

    @property
    def environment(self) -> Mapping[str, str]:
        """Without the end of a job it downloads nothing."""
        return {"SLURM_JOB_END_TIME": str(int(time.time()) + SECONDS_OF_A_JOB)}

    def prepare(self, folder: Path, urls: Sequence[str], *, resize: bool) -> list[str]:
        """See `Downloader`."""
        assert resize
        server = quote(urlsplit(urls[0]).netloc, safe="")
        batch, schedule = folder / f"urls/server_name={server}/partition_id=0", folder / "schedule"
        batch.mkdir(parents=True)
        schedule.mkdir()
        write_batch(batch / "batch.parquet", urls)
        (schedule / "0000.csv").write_text(
            "rank,server_name,partition_id_from,partition_id_to,main_rank,rate_limit\n"
            f"0,{server},0,1,0,{UPSTREAM_RATE}\n"
        )
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(_upstream_config(folder, self._template())))
        return ["env", f"CONFIG_PATH={config}", str(self._python), "-m", UPSTREAM_PROGRAM, str(schedule)]

    def stored(self, folder: Path, wanted: Set[str]) -> Stored:
        """See `Downloader`."""
        files = list((folder / "images").rglob("successes.parquet"))
        rows = read_images(files, ["identifier", "resized_size", "image"], wanted)
        images = {url: _bgr_as_png(size, pixels) for url, size, pixels in rows}
        return Stored(sum(pq.read_metadata(file).num_rows for file in files), _size(files), images)

    @property
    def _python(self) -> Path:
        return self._folder / "bin" / "python"

    def _template(self) -> dict[str, object]:
        """The configuration that its own is compared with: each of its keys must be there."""
        (file,) = self._folder.glob("lib/*/site-packages/distributed_downloader/tools/config_templates/downloader.yaml")
        template: dict[str, object] = yaml.safe_load(file.read_text(encoding="utf-8"))
        return template


def available(downloaders: Sequence[Downloader]) -> list[Downloader]:
    """Those that can be run here; why another cannot is printed already."""
    return [downloader for downloader in downloaders if downloader.is_available]


def install(folder: Path, *requirements: str) -> bool:
    """Make an environment; where that is not possible, print the reason and give False."""
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([*pip, *requirements], check=True)
    except subprocess.CalledProcessError as error:
        print(f"{requirements[0]} is not measured, because it cannot be installed: {error}")
        return False
    return True


def _upstream_config(folder: Path, template: dict[str, object]) -> dict[str, object]:
    structure = {"urls_folder": "urls", "images_folder": "images"}
    parameters = {"header": "User-Agent: benchmark", "image_size": IMAGE_SIZE, "rate_multiplier": 0.5}
    return {
        **template,
        "path_to_output_folder": str(folder),
        "output_structure": {**template["output_structure"], **structure},  # type: ignore[dict-item]
        "downloader_parameters": {**template["downloader_parameters"], **parameters},  # type: ignore[dict-item]
    }


def _bgr_as_png(size: Sequence[int], pixels: bytes) -> bytes:
    target = BytesIO()
    Image.frombytes("RGB", (size[1], size[0]), pixels, "raw", "BGR").save(target, "PNG")
    return target.getvalue()


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)
