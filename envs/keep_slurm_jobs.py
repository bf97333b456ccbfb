"""Have Snakemake's Slurm plugin keep the jobs of which Slurm, for once, tells nothing.

Usage: python keep_slurm_jobs.py PACKAGES, the folder that the plugin is installed in.

Its 2.8.0 forgets every job that runs when five questions for their states fail, and Snakemake then waits for ever
(https://github.com/snakemake/snakemake-executor-plugin-slurm/issues/207). And when Slurm's settings cannot be read, it
asks `sacct` in place of `squeue`: without accounting all five questions fail at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

CHANGES = {
    "min_job_age is None or min_job_age < dynamic_check_threshold": (
        "min_job_age is not None and min_job_age < dynamic_check_threshold"
    ),
    "        if status_of_jobs is not None:\n": (
        "        if status_of_jobs is None:\n"
        "            for job in active_jobs:\n"
        "                yield job\n"
        "        else:\n"
    ),
}


def main(packages: Path) -> None:
    """Change the plugin's source; changed already is as good."""
    source = packages / "snakemake_executor_plugin_slurm" / "__init__.py"
    text = source.read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        if text.count(old) + text.count(new) != 1:
            sys.exit(f"{source}: is not as {__file__} expects; see what has changed in the plugin.")
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
