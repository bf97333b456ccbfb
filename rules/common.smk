"""
What the rules share: the checked configuration, the paths, and the functions that turn manifests into inputs. No rules.
"""

import glob
import json
import re
import shlex
import sys
from functools import lru_cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    import treeline
except ModuleNotFoundError:
    raise WorkflowError(
        "Treeline is not installed where this Snakemake is. Run `make setup` in the clone of Treeline, and then the "
        "Snakemake that this installs, .venv/bin/snakemake."
    ) from None

from treeline.choices import INITIALIZERS
from treeline.config_tools import COLLECTION_TOOLS, FILES_OF_TOOLS, gives_verdicts, needed_tools
from treeline.download.schedule import read_schedule
from treeline.download.tables import digest_of_retries
from treeline.errors import TreelineError
from treeline.extract.group import read_group_ids
from treeline.io.files import input_files
from treeline.io.manifest import ShardId
from treeline.io.taxonomy import TAXONOMY
from treeline.lean_snakemake import ask_ages_in_turn
from treeline.lookup.groups import read_groups
from treeline.settings import group_names, paths_of, read_settings

# Unless conda or a container brings its own, a job's shell finds the `treeline` command beside the interpreter that
# runs Snakemake, activated or not.
if not workflow.deployment_settings.deployment_method:
    shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

ask_ages_in_turn()

try:
    settings = read_settings(config, "configuration")
except TreelineError as error:
    raise WorkflowError(str(error)) from None

paths = paths_of(settings)

if any(
    workflow.modifier.path_modifier.replace_prefix(path) != path for path in (settings.path_to_input, str(paths.root))
):
    raise WorkflowError(
        "A module of Treeline takes no `prefix` and no `replace_prefix`: its `config` says where files lie."
    )

GROUP_FILES = [Path(settings.lookup.groups_folder) / f"{group}.yaml" for group in group_names(settings.lookup)]
try:
    DEFINITIONS = read_groups(GROUP_FILES, TAXONOMY)
except TreelineError as error:
    raise WorkflowError(str(error)) from None

GROUPS = [group.name for group in DEFINITIONS]

SERVER = "{server_name}"
PARTITION = "{partition_id}"
SHARD_NAME = "server_name={server_name}/partition_id={partition_id}"
SHARD = paths.shard(SERVER, PARTITION)
BATCH = paths.batch(SERVER, PARTITION)
DECODED = paths.decoded_shard(SERVER, PARTITION, settings.decode.archive)
DETECTIONS = paths.detections_shard(SERVER, PARTITION)

TOOLS = dict(settings.tools_parameters.items())
JUDGES = [tool for tool, block in TOOLS.items() if gives_verdicts(tool, block)]
FINDERS = [tool for tool in COLLECTION_TOOLS if tool in TOOLS]

FLEET = settings.download.mode == "fleet"


wildcard_constraints:
    server_name=r"[^/]+",
    partition_id=r"\d+",
    group=r"[^/]+",
    group_id=r"\d+",
    digest=r"[0-9a-f]{16}",


def files_of_input(wildcards):
    """The input's files one by one, so that a change of any is seen, and the user's SQL file if there is one."""
    own_query = [] if settings.initializer_type in INITIALIZERS else [settings.initializer_type]
    return [*input_files(settings.path_to_input), *own_query]


def finished(checkpoint_job, output, **wildcards):
    """Wait for a checkpoint, except under --batch, which works on what is there and allows no checkpoint."""
    if workflow.dag_settings.batch is None or not Path(output).exists():
        checkpoint_job.get(**wildcards)
    return Path(output)


@lru_cache(maxsize=1)
def retries():
    """Digest of the errors that are to be tried again, or None; one answer a process, as jobs rewrite the table."""
    return digest_of_retries(paths.schedule / "_errors.csv", settings.download.retry_errors)


def marker_of_retries(wildcards):
    """Marker of the retry to make before the schedule; jobs' own processes schedule nothing."""
    digest = retries() if workflow.is_main_process else None
    return [] if digest is None else paths.schedules / "retried" / digest


def lanes():
    """The lanes of the current schedule, after its fleet if there is one; read once a schedule, not once a shard."""
    schedule = finished(checkpoints.schedule_downloads, paths.schedule / "0000.csv")
    if FLEET:
        finished(checkpoints.download_fleet, paths.schedule / "fleet_completed")
    return lanes_as_of(schedule.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def lanes_as_of(time):
    """Read the lanes of the schedule that was written at this time."""
    return read_schedule(paths.schedule / "0000.csv")


def shard_of(wildcards):
    """The shard that a job works on."""
    return ShardId(wildcards.server_name, int(wildcards.partition_id))


def shard_before(wildcards):
    """The shard before this one in its lane, or None."""
    return lanes().previous.get(shard_of(wildcards))


def shard_before_in_lane(wildcards):
    """Marker of the shard before; ancient, so that only its absence holds this shard up."""
    before = shard_before(wildcards)
    return [] if before is None else ancient(paths.shard(before.server, before.partition) / "completed")


def place_in_schedule(wildcards):
    """Options: the shard's lane among its server's, and the spool of the lane's shard before, for the learned rate."""
    lane, _ = lanes().position[shard_of(wildcards)]
    lanes_of_server = max(1, lanes().lanes_of[wildcards.server_name])
    options = f"--lane {lanes().number_of[wildcards.server_name, lane]} --lanes {lanes_of_server}"
    before = shard_before(wildcards)
    if before is None or before.server != wildcards.server_name:
        return options
    return f"{options} {option('--previous', paths.spool(before.server, before.partition))}"


def cluster_job(stage, shards=1):
    """A function that names the cluster job of a shard: so many one after the other in a lane share one.

    Where it is only one, too: Snakemake's Slurm plugin makes a job's log path of its wildcards, in which Slurm takes the
    percent sign of an encoded port for a placeholder, but a group's of the group's name.
    """

    def of_shard(wildcards):
        lane, place = lanes().position[shard_of(wildcards)]
        return f"{stage}-lane-{lane}-{place // shards}"

    return of_shard


def every_shard(*patterns):
    """An input function that gives each of the patterns for every shard."""

    def of_every_shard(wildcards):
        return [
            str(pattern).format(server_name=shard.server, partition_id=shard.partition)
            for pattern in patterns
            for shard in lanes().shards
        ]

    return of_every_shard


def images_of(selection):
    """The shard's table of images that a stage or tool takes: what was downloaded, or a tool's new images."""
    return paths.shard_images(selection.images_from, SERVER, PARTITION)


def verdicts_of(selection):
    """The tables of verdicts on a shard that decide which of its images a stage or tool takes."""
    return [paths.verdicts(tool, SERVER, PARTITION) for tool in selection.keep]


def found_for(selection):
    """Reports of the tools that look at the whole collection, whose verdicts a selection takes, be it through others.

    A stage's target asks for them, so that their search is over before the stage is done.
    """
    waiting, needed = [selection], set()
    while waiting:
        more = needed_tools(waiting.pop()) - needed
        needed |= more
        waiting += [TOOLS[tool] for tool in more]
    return [paths.tool(tool) / "report.csv" for tool in FINDERS if tool in needed]


def options(name, values):
    """A command-line option for each value."""
    return [f"{name}={value}" for value in values]


def of_every_lookup_batch(pattern):
    """An input function that gives `pattern` for every lookup batch of the wildcards' group."""

    def of_group(wildcards):
        manifest = finished(checkpoints.create_lookup_tables, paths.lookup_manifest(wildcards.group))
        return [str(pattern).format(group=wildcards.group, group_id=number) for number in read_group_ids(manifest)]

    return of_group


def shards_of_lookup_batch(wildcards):
    """The shards that one lookup batch reads from, and no others: a new shard redoes the batches that need it."""
    finished(checkpoints.create_lookup_tables, paths.lookup_manifest(wildcards.group))
    listing = paths.lookup_paths(wildcards.group, wildcards.group_id)
    return [paths.root / path for path in listing.read_text(encoding="utf-8").splitlines()]


def verbatim(value):
    """A parameter that may hold braces, which are no wildcards."""

    def whatever_the_wildcards(wildcards):
        return value

    return whatever_the_wildcards


def option(name, value):
    """A command-line option, or nothing where there is no value."""
    return "" if value is None else shlex.join([name, str(value)])


def mpi_resources(ranks, launcher="mpiexec"):
    """Resources that start a job with MPI; one process is started without, and cluster plugins refuse MPI for it."""
    return {} if ranks == 1 else {"mpi": launcher, "tasks": ranks}


def mpi_launcher(wildcards, resources):
    """What an MPI job's command begins with: `mpiexec -n 4`, or nothing where there is but one process."""
    return f"{resources.mpi} -n {resources.tasks}" if resources.get("mpi") else ""


def parameters_of(tool):
    """A tool's block as JSON, for its command."""
    return verbatim(TOOLS[tool].model_dump_json(exclude_defaults=True))


def files_of(block):
    """The files that a tool's block names."""
    names = (getattr(block, name, None) for name in FILES_OF_TOOLS)
    return [name for name in names if name is not None]


def verdicts_once_found(tool):
    """An input function that gives a tool's verdicts on every shard.

    Of a tool that looks at the whole collection, once it has done so: it removes those verdicts that are out of date, and
    Snakemake looks again at what is to be done, which includes these. A shard itself must not wait like that, or what
    depends on it would be redone, for every shard.
    """

    def of_every_shard(wildcards):
        if tool in FINDERS:
            finished(getattr(checkpoints, f"find_{tool}"), paths.tool(tool) / "duplicates.parquet")
        return every_shard(paths.verdicts(tool, SERVER, PARTITION))(wildcards)

    return of_every_shard


def kept_by(wildcards, input):
    """Options that name the verdicts of other tools."""
    return options("--kept-by", input.kept_by)


def command_options(block, *left_out):
    """A block's keys as options of its command: a switch for what is on, a value for what is given."""
    values = block.model_dump(exclude=set(left_out), exclude_none=True)
    given = {name.replace("_", "-"): value for name, value in values.items() if value is not False}
    return verbatim([f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items()])
