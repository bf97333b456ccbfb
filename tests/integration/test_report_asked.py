"""What the report knows of what rules ask for, from the first start of Snakemake on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.pipeline import example_project


def test_a_first_start_knows_all_but_the_time_that_hangs_on_the_schedule(tmp_path: Path, example_images: Path) -> None:
    with example_project(tmp_path, example_images) as project:
        project.keep_servers(2)
        project.snakemake("urls", "--set-resources", "decode_shard:mem_mb=777")
        noted = {one["rule"]: one for one in json.loads((project.results / "logs/rules.json").read_text())}
        of_shards = [noted[rule] for rule in ("download_shard", "decode_shard", "detect_shard")]
        assert [one["minutes"] for one in of_shards] == [None] * 3
        assert all(one["memory_mib"] and one["threads"] for one in of_shards)
        assert noted["decode_shard"]["memory_mib"] == 777
