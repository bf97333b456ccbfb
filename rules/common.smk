"""
What the rules share: the checked configuration, the paths, and the functions that turn manifests into inputs. No rules.
"""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from treeline.errors import TreelineError
from treeline.io.manifest import read_ignored, read_manifest
from treeline.paths import Paths
from treeline.settings import read_settings

# A job's shell finds the `treeline` command beside the interpreter that runs Snakemake, activated or not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

try:
    settings = read_settings(config, "configuration")
except TreelineError as error:
    raise WorkflowError(str(error)) from None

paths = Paths(Path(settings.path_to_output), settings.output_structure)

SERVER = "{server_name}"
PARTITION = "{partition_id}"
SHARD_NAME = "server_name={server_name}/partition_id={partition_id}"
SHARD = paths.shard(SERVER, PARTITION)
BATCH = paths.batch(SERVER, PARTITION)
DECODED = paths.decoded_shard(SERVER, PARTITION, settings.decode.archive)
DETECTIONS = paths.detections_shard(SERVER, PARTITION)


wildcard_constraints:
    server_name=r"[^/]+",
    partition_id=r"\d+",
    group=r"[^/]+",
    group_id=r"\d+",


def finished(checkpoint_job, output):
    """Wait for a checkpoint, except under --batch, which works on what is there and allows no checkpoint."""
    if workflow.dag_settings.batch is None or not Path(output).exists():
        checkpoint_job.get()
    return Path(output)


def shards():
    """Every shard that is to be downloaded: the manifest's batches but for those of ignored servers."""
    manifest = read_manifest(finished(checkpoints.partition_urls, paths.manifest))
    ignored = read_ignored(paths.ignored)
    return [shard for shard in manifest if shard.server not in ignored]


def every_shard(pattern):
    """An input function that gives `pattern` for every shard."""

    def of_every_shard(wildcards):
        return [
            str(pattern).format(server_name=shard.server, partition_id=shard.partition)
            for shard in shards()
        ]

    return of_every_shard


def scaled_by_attempt(mem_mb):
    """Memory of a job in MiB: more with each retry, as a job that was killed for its memory needs more."""

    def of_attempt(wildcards, attempt):
        return mem_mb * attempt

    return of_attempt
