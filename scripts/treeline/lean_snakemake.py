"""Snakemake with less memory, for as long as it takes more than it needs.

Snakemake 9.27 asks for the ages of all jobs' outputs at once, in a group of asyncio tasks for each job: 0.25 GB with
60,000 jobs, at the moment when it needs most. Here each job asks for one after the other, which no local file system is
slower at.
"""

from __future__ import annotations

from snakemake.jobs import Job


async def oldest_output(job: Job) -> float | None:
    """Age of the oldest of a job's outputs that are there, its benchmark included, as Snakemake's own property says it.

    Returns:
        Seconds since 1970; None where there is none.
    """
    files = [*job.output, *([job.benchmark] if job.benchmark else [])]
    times = [(await file.mtime()).local_or_storage() for file in files if await file.exists()]
    return min(times, default=None)


def ask_ages_in_turn() -> None:
    """Have Snakemake ask for the outputs' ages of a job one after the other."""
    Job.output_mintime = property(oldest_output)
