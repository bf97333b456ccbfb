"""What a collection takes: counted and played through by the pipeline's own code, the rest from measured costs.

Nothing is run: a plan of a billion URLs takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Literal, NamedTuple

from tests.benchmarks.scale.case import PROFILE, Case
from tests.benchmarks.scale.costs import Costs
from tests.benchmarks.scale.hours import lane_jobs, time_of_all
from tests.benchmarks.scale.measure_published import DUPLICATES, INGEST, LOOKUP, QUERY, REPORT
from treeline.io.names import encode_server_name

POLL_SECONDS: int = PROFILE["slurm-init-seconds-before-status-checks"]
SNAKEMAKES_OF_A_JOB = 2
"""The job's own, and that of its step, which the Slurm plugin starts in it."""

STAGES_OF_SHARDS = 2
"""Decode and detect: a job a shard each."""

Kind = Literal["given", "counted", "simulated", "extrapolated"]
Unit = Literal["", "s", "B", "share"]


class Item(NamedTuple):
    """One figure of a plan.

    Args:
        name: What it is called in JSON.
        label: What it is called in a table.
        value: In the unit.
        unit: Nothing for a number of things, seconds, bytes, or a share of 1.
        kind: `given` by whoever asks; `counted` by the pipeline's code; `simulated`: the real schedule played through;
            `extrapolated` from what was measured.
        how: Where it comes from.
    """

    name: str
    label: str
    value: float
    unit: Unit
    kind: Kind
    how: str


def foresee(case: Case, costs: Costs) -> list[Item]:
    """Say what a collection takes.

    Raises:
        TreelineError: There are more shards than any pipeline can take.
    """
    return [
        *_batches(case, costs),
        *_asking(case, costs),
        *_disk(case, costs),
        *_jobs(case, costs),
        *_tables(case, costs),
    ]


def _batches(case: Case, costs: Costs) -> Iterator[Item]:
    largest = max(server.urls for server in case.servers)
    shards = len(case.rows)
    yield Item("urls", "URLs", case.urls, "", "given", "")
    yield Item("servers", "servers", len(case.servers), "", "given", "")
    yield Item("largest_share", "share of the largest server", largest / case.urls, "share", "given", "")
    yield Item("shards", "batches, and so shards", shards, "", "counted", "each server's URLs / batch size, rounded up")
    yield _grown(costs, "partition", "rows", case.urls, "cpu_seconds", "s", "urls: CPU time", run="first")
    again = {"run": "nothing to do"}
    item = _grown(
        costs, "partition", "rows", case.urls, "cpu_seconds", "s", "urls again, nothing new: CPU time", **again
    )
    yield item._replace(name="partition_again_cpu_seconds")
    yield _spilled(case, costs)
    yield _grown(costs, "partition", "rows", case.urls, "batch_bytes", "B", "urls: batches", run="first")
    yield _grown(costs, "partition", "batches", shards, "manifest_bytes", "B", "urls: manifest", run="first")


def _spilled(case: Case, costs: Costs) -> Item:
    """Nothing is spilled below some size, so that the largest measured one alone says how much a row takes."""
    largest = max(costs.rows("partition"), key=lambda row: (row["rows"], row["spilled_bytes"]))
    each = largest["spilled_bytes"] / largest["rows"]
    how = f"partition: {each:.0f} B a row of {largest['rows']:,} in {largest['memory_mb']} MiB"
    return Item(
        "partition_spilled_bytes", "urls: spilled meanwhile, at most", each * case.urls, "B", "extrapolated", how
    )


def _grown(
    costs: Costs, piece: str, things: str, number: float, cost: str, unit: Unit, label: str, **where: object
) -> Item:
    """A cost of so many things, by the line through what was measured."""
    line = costs.line(piece, things, cost, **where)
    most = max(row[things] for row in costs.rows(piece, **where))
    how = f"{piece}: {line.fixed:.3g} + {line.each:.3g} x {things}; measured up to {most:,}"
    return Item(f"{piece}_{cost}", label, line.at(number), unit, "extrapolated", how)


def _asking(case: Case, costs: Costs) -> Iterator[Item]:
    lanes, rates = case.lanes, {encode_server_name(server.name): case.rate_of(server) for server in case.servers}
    alone = max(server.urls / case.rate_of(server) for server in case.servers)
    image_seconds = costs.value("images", "download_cpu_ms") / 1000
    between = POLL_SECONDS / 2 + SNAKEMAKES_OF_A_JOB * _snakemake_seconds(case, costs)
    jobs = lane_jobs(
        lanes,
        case.rows,
        rates,
        seconds_an_image=image_seconds,
        seconds_a_shard=costs.value("images", "start_cpu_seconds"),
        seconds_a_job=between,
        shards_per_job=case.shards_per_job,
    )
    yield Item("lanes", "lanes", len(lanes.lanes), "", "counted", "schedule_rules and max_lanes")
    yield Item("slowest_server_seconds", "the slowest server alone", alone, "s", "counted", "URLs / rate")
    how = f"the lanes played through, {case.jobs} jobs at once, {between:.0f} s between two of a lane"
    yield Item("download_seconds", "download", time_of_all(jobs, case.jobs), "s", "simulated", how)
    cpu_seconds = case.urls * image_seconds
    how = f"images: {1000 * image_seconds:.3g} ms an image"
    yield Item("download_cpu_seconds", "download: CPU time", cpu_seconds, "s", "extrapolated", how)
    milliseconds = costs.value("images", "decode_cpu_ms")
    how = f"images: {milliseconds:.3g} ms an image"
    yield Item("decode_cpu_seconds", "decode: CPU time", case.urls * milliseconds / 1000, "s", "extrapolated", how)


def _disk(case: Case, costs: Costs) -> Iterator[Item]:
    image = case.image_bytes or costs.value("images", "image_bytes")
    total = 0.0
    for name, label, besides, of_images in (
        ("images", "images", "success_bytes", True),
        ("decoded", "decoded archives", "decoded_bytes", True),
        ("requests", "request logs", "request_bytes", False),
    ):
        each = costs.value("images", besides) + image * of_images
        total += each * case.urls
        yield Item(f"{name}_bytes", label, each * case.urls, "B", "extrapolated", f"images: {each:,.0f} B an image")
    yield Item("disk_bytes", "these together", total, "B", "extrapolated", "the sum")
    files, folders = (sum(row[f"{kind}_a_shard"] for row in costs.rows("files")) for kind in ("files", "folders"))
    how = f"files: {files:g} files and {folders:g} folders a shard, urls to detect"
    yield Item("names", "files and folders", (files + folders) * len(case.rows), "", "extrapolated", how)


def _jobs(case: Case, costs: Costs) -> Iterator[Item]:
    shards = len(case.rows)
    for name, state in (("new", "nothing downloaded"), ("done", "everything there")):
        for item in (
            _grown(costs, "plans", "shards", shards, "cpu_seconds", "s", f"plan, {state}: CPU time", state=state),
            _grown(costs, "plans", "shards", shards, "peak_gb", "B", f"plan, {state}: memory", state=state),
        ):
            value = item.value * 1e9 if item.unit == "B" else item.value
            yield item._replace(name=f"plan_{name}_{'bytes' if item.unit == 'B' else 'cpu_seconds'}", value=value)
    downloads = sum(ceil(len(lane) / case.shards_per_job) for lane in case.lanes.lanes)
    jobs = downloads + STAGES_OF_SHARDS * shards
    how = "a shard each of decode and detect, shards_per_job of a lane each of download"
    yield Item("jobs", "cluster jobs", jobs, "", "counted", how)
    hand_over = costs.line("hand-over", "shards", "cpu_seconds_a_job").at(shards)
    how = f"hand-over: {1000 * hand_over:.0f} ms a job"
    yield Item("hand_over_cpu_seconds", "handing jobs over: CPU time", jobs * hand_over, "s", "extrapolated", how)
    noticed = STAGES_OF_SHARDS * shards / case.jobs * POLL_SECONDS
    how = f"at most {case.jobs} jobs in every {POLL_SECONDS} s, between two looks at them"
    yield Item("polls_seconds", "decode and detect: at least", noticed, "s", "extrapolated", how)
    commands = (1 + STAGES_OF_SHARDS) * shards
    snakemake, command = _snakemake_seconds(case, costs), costs.value("images", "start_cpu_seconds")
    start = jobs * SNAKEMAKES_OF_A_JOB * snakemake + commands * command
    how = f"job-start and images: {SNAKEMAKES_OF_A_JOB} x {snakemake:.1f} s a job, {command:.1f} s a command"
    yield Item("start_cpu_seconds", "starting jobs: CPU time", start, "s", "extrapolated", how)
    for_snakemake, for_command = _calls(costs, "Snakemake of a job"), _calls(costs, "treeline download shard")
    calls = SNAKEMAKES_OF_A_JOB * for_snakemake + for_command
    jobs_in = f"{case.jobs} jobs in every {POLL_SECONDS} s"
    how = f"calls: {SNAKEMAKES_OF_A_JOB} x {for_snakemake:,.0f} + {for_command:,.0f} a job, {jobs_in}"
    a_second = calls * case.jobs / POLL_SECONDS
    yield Item("calls_a_second", "names asked for a second, while jobs are short", a_second, "", "extrapolated", how)
    at_once = PROFILE["local-cores"]
    how = f"images: {command:.1f} s a shard where Snakemake runs, {at_once} at once"
    yield Item("fleet_seconds", "a fleet: linking its shards", shards * command / at_once, "s", "extrapolated", how)


def _snakemake_seconds(case: Case, costs: Costs) -> float:
    """CPU time of a Snakemake that reads the workflow for one job."""
    return costs.line("job-start", "shards", "cpu_seconds", place_in_lane=0).at(len(case.rows))


def _calls(costs: Costs, process: str) -> float:
    """How often a process asks for names of programs and libraries."""
    (row,) = costs.rows("calls", process=process)
    return float(sum(number for name, number in row.items() if name.endswith("_of_programs")))


def _tables(case: Case, costs: Costs) -> Iterator[Item]:
    shards = len(case.rows)
    for command in ("treeline download schedule", "treeline download verify", "treeline status"):
        item = _grown(costs, "tables", "shards", shards, "cpu_seconds", "s", f"{command}: CPU time", command=command)
        yield item._replace(name=f"{command.split()[-1]}_cpu_seconds")
    for name, label, run in (
        ("lookup", "lookup", LOOKUP),
        ("duplicates", "duplicates", DUPLICATES),
        ("catalog", "ingest into the catalogue", INGEST),
        ("query", "a query of the catalogue", QUERY),
        ("report", "tables of the report", REPORT),
    ):
        (row,) = costs.rows("published", run=run)
        rate = row["rows"] / row["cpu_seconds"]
        how = f"published, {run}: {rate:,.0f} rows a CPU-second of {row['rows']:,}"
        yield Item(f"{name}_cpu_seconds", f"{label}: CPU time", case.urls / rate, "s", "extrapolated", how)
    (row,) = costs.rows("published", run=INGEST)
    each = row["mib_of_files"] * 2**20 / row["rows"]
    how = f"published, {INGEST}: {each:.0f} B an image"
    yield Item("catalog_bytes", "the catalogue", each * case.urls, "B", "extrapolated", how)
