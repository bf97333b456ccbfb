"""
The descriptions of the datasets, and the functions that give their rules inputs and options. No rules.
"""

from treeline.datasets.description import read_description
from treeline.io.datasets.encodings import TARGETS
from treeline.datasets.steps import read_steps

DESCRIPTION = str(Path(settings.datasets.folder) / "{dataset}.yaml")
DATASET_LOGS = paths.logs / "datasets" / "{dataset}"
ANSWER = paths.dataset("{dataset}") / "steps" / "query.parquet"
TRAINING_SETS = {
    paths.detections / "crops": paths.detections / "crops" / "crops.csv",
    **{paths.catalog_training(name): paths.catalog_training(name) for name in settings.catalog.training_sets},
}
KIND_OF_TARGET = {target: kind for kind, target in TARGETS.items()}

try:
    DATASETS = {name: read_description(Path(DESCRIPTION.format(dataset=name))) for name in settings.datasets.names}
    STEPS_OF = {
        name: read_steps(Path(DESCRIPTION.format(dataset=name)), described) for name, described in DATASETS.items()
    }
except TreelineError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    dataset="|".join(map(re.escape, DATASETS)) or "-",
    step_number=r"(?!00|01)\d\d",
    step=r"[a-z_]+",
    encoding="|".join(re.escape(target) for kind, target in TARGETS.items() if kind != "hdf5"),


def metadata_after(dataset, number):
    """Metadata of a dataset after so many of its steps."""
    name = STEPS_OF[dataset][number - 1].name if number else "measure"
    return paths.dataset_step(dataset, number + 1, name) / "metadata.h5"


def last_metadata(wildcards):
    """Metadata of a dataset after all of its steps."""
    return metadata_after(wildcards.dataset, len(STEPS_OF[wildcards.dataset]))


def metadata_before(wildcards):
    """Metadata that a step begins with."""
    return metadata_after(wildcards.dataset, int(wildcards.step_number) - 2)


def files_of_source(wildcards):
    """What shows that a source has changed: tables and lists; of a folder only that a file in it has come or gone."""
    source = DATASETS[wildcards.dataset].source
    path = Path(source.path)
    if source.query:
        return str(ANSWER).format(dataset=wildcards.dataset)
    if source.kind == "table":
        return input_files(source.path) if path.exists() or glob.has_magic(source.path) else path
    if path in TRAINING_SETS:
        return TRAINING_SETS[path]
    if source.kind == "training_set":
        return path / "crops.csv" if (path / "crops.csv").exists() else sorted(path.glob("annotations/*.json"))
    return [path, *([source.masks] if source.masks else [])]


def catalog_of_source(wildcards):
    """The catalogue that a source's query asks."""
    return DATASETS[wildcards.dataset].source.path


def query_of_source(wildcards):
    """The source's query."""
    return DATASETS[wildcards.dataset].source.query


def table_of_source(wildcards, input):
    """Option that names the answer of the source's query."""
    return option("--table", input.source if DATASETS[wildcards.dataset].source.query else None)


def part_of_description(part):
    """An input function that gives a part of the description, once it has been taken apart."""

    def of_dataset(wildcards):
        plan = paths.dataset_plan(wildcards.dataset) / "plan.json"
        finished(checkpoints.plan_dataset, plan, dataset=wildcards.dataset)
        return plan.with_name(part.format_map(dict(wildcards.items())) + ".json")

    return of_dataset


def part_of_encoding(wildcards):
    """The part of the description that says how an encoding is written."""
    return part_of_description(f"encoding-{KIND_OF_TARGET[wildcards.encoding]}")(wildcards)


def earlier_splits(wildcards):
    """Splits of an earlier build, to which samples that it has are kept."""
    return DATASETS[wildcards.dataset].splits.known or []


def encoding_options(kind, wildcards):
    """Options of one encoding."""
    (chosen,) = (encoding for encoding in DATASETS[wildcards.dataset].encodings if encoding.kind == kind)
    height, width = chosen.size or (None, None)
    sizes = [] if chosen.size is None else [f"--height={height}", f"--width={width}"]
    pixels = ["--pixels"] if chosen.pixels else []
    shards = [f"--shard-samples={chosen.shard_samples}"] if kind == "tar" else []
    return [f"--kind={kind}", *sizes, *pixels, *shards]
