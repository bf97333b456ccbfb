"""How many files and folders a shard takes in each part of the results, by two runs with more and fewer shards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks.scale.costs import Row
from tests.pipeline import example_project

ONE_A_SERVER = 1000
"""URLs in a batch, more than any of the example's servers has."""


def measure_files(folder: Path, batch_size: int) -> list[Row]:
    """Run urls, download, decode and detect on the example's images, and count what each further shard has added.

    Args:
        folder: For the runs.
        batch_size: URLs in a batch, so that the servers have some more.
    """
    shards: list[int] = []
    found: list[tuple[Counter[str], Counter[str]]] = []
    with example_project(folder / "example", folder / "images") as example:
        for size in (ONE_A_SERVER, batch_size):
            project = example.copy(folder / f"batches-of-{size}")
            parameters = {"batch_size": size, "default_rate_limit": 1000}
            project.configure(stages=["urls", "download", "decode", "detect"], downloader_parameters=parameters)
            project.snakemake("--quiet", "all")
            shards.append(pq.read_metadata(project.results / "urls" / "manifest.parquet").num_rows)
            found.append(_count(project.folder))
    (few_files, few_folders), (files, folders) = found
    more = shards[1] - shards[0]
    return [
        {
            "part": part,
            "files_a_shard": round((files[part] - few_files[part]) / more, 2),
            "folders_a_shard": round((folders[part] - few_folders[part]) / more, 2),
            "more_shards": more,
        }
        for part in sorted(files)
        if files[part] > few_files[part]
    ]


def _count(project: Path) -> tuple[Counter[str], Counter[str]]:
    """Files, and folders, of each part of a project: what lies under one folder of the results, or of `.snakemake`.

    A file with several names, as the spool keeps for each finished one, counts where its name comes first.
    """
    files, folders = Counter[str](), Counter[str]()
    seen: set[int] = set()
    for path in sorted(project.rglob("*")):
        part = _part(path.relative_to(project).parts)
        if path.is_dir():
            folders[part] += 1
        elif (inode := path.stat().st_ino) not in seen:
            seen.add(inode)
            files[part] += 1
    return files, folders


def _part(parts: tuple[str, ...]) -> str:
    if parts[:3] == ("results", "images", ".spool"):
        return "images/.spool"
    return "/".join(parts[:2]) if parts[0] == ".snakemake" else "/".join(parts[1:2]) or parts[0]
