"""
What the rules of the catalogue share: the configuration as sources, requests, and options of the commands. No rules.
"""

import json
import re
from hashlib import sha256

from treeline.config_catalog_made import EXPORT_KEYS, TRAINING_KEYS
from treeline.settings import catalog_targets

EXPORTED_FILES = {"coco-camera-traps": ".json", "lila": ".csv", "darwin-core": ".csv"}
SPLITS = [] if settings.catalog.splits is None else [settings.catalog.splits.model_dump_json()]
SINGULAR = {"datasets": "dataset", "categories": "category"}


def collection_as_source():
    """This collection as a source of its own catalogue; none where it is not to be in it."""
    block = settings.catalog
    if block.dataset is None:
        return []
    tables = {
        "root": paths.root,
        **({"detections": paths.detections_table} if "detect" in settings.stages else {}),
        **({"exif": paths.tool("exif") / "findings"} if "exif" in TOOLS else {}),
        **({"metadata": settings.lookup.metadata} if settings.lookup.metadata else {}),
    }
    given = block.model_dump(include={"dataset", "access", "columns", "labels"})
    return [{"name": "collection", "format": "shards", "path": paths.lookup_images, "tables": tables, **given}]


def catalog_sources():
    """JSON of what the catalogue is to hold: this collection, and what others have made."""
    sources = collection_as_source()
    for name, source in settings.catalog.sources.items():
        given = source.model_dump(exclude={"strict", "locations"})
        tables = {"locations": source.locations} if source.locations else {}
        sources.append({"name": name, "is_strict": source.strict, "tables": tables, **given})
    return json.dumps(sources, default=str)


def catalog_requests():
    """JSON of what the configuration asks of the catalogue, by name: what it is to hold, and each thing made of it."""
    block = settings.catalog
    made = {"queries": block.queries, "exports": block.exports, "training": block.training_sets}
    return {
        "build": "\n".join([catalog_sources(), *SPLITS]),
        **{
            f"{kind}/{name}": one.model_dump_json(exclude_defaults=True)
            for kind, blocks in made.items()
            for name, one in blocks.items()
        },
    }


def request_file(request):
    """The file of a request. Its name has a digest of the text: after a change it is not there, and is made anew."""
    return paths.catalog_asked(request, sha256(catalog_requests()[request].encode()).hexdigest()[:16])


def asked(request):
    """An input function that gives the file of a request, whose time is that of the request's last change.

    Args:
        request: A key of `catalog_requests`, perhaps with the wildcard `{name}`.
    """

    def of_name(wildcards):
        return request_file(request.format(**wildcards))

    return of_name


def all_requests():
    """The files of all requests: Snakemake makes a missing file only for who is asked for or has to run."""
    return list(map(request_file, catalog_requests()))


def requests_for_tables():
    """The files of the requests for answers that groups take as tables."""
    tables = {Path(group.definition.table) for group in DEFINITIONS if group.definition.table}
    taken = [f"queries/{name}" for name in settings.catalog.queries if paths.catalog_query(name) in tables]
    return list(map(request_file, ["build", *taken] if taken else []))


def text_of_request(wildcards):
    """The request that a file holds."""
    return catalog_requests()[wildcards.request]


def one_of(names):
    """A wildcard's constraint: it is one of these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def block_options(block, keys):
    """Keys of a block as options of its command: a switch for what is on, an option for each value of a list."""
    given = []
    for key in keys:
        value = getattr(block, key)
        option = f"--{SINGULAR.get(key, key).replace('_', '-')}"
        if value is True:
            given.append(option)
        elif value is not None and value is not False:
            given += options(option, value if isinstance(value, list) else [value])
    return given


def question(wildcards):
    """What `treeline query` is asked: a name with its parameters, or SQL."""
    block = settings.catalog.queries[wildcards.name]
    if block.sql is not None:
        return [f"--sql={block.sql}"]
    return [block.query, *(f"--{name.replace('_', '-')}={value}" for name, value in block.parameters.items())]


def export_format(wildcards):
    """The command that writes an export."""
    return settings.catalog.exports[wildcards.name].format


def export_target(wildcards, output):
    """What an export writes: its folder, or a file in it."""
    suffix = EXPORTED_FILES.get(export_format(wildcards))
    return Path(output[0]) / f"{wildcards.name}{suffix}" if suffix else Path(output[0])


def export_options(wildcards):
    """An export's block as options of its command."""
    return block_options(settings.catalog.exports[wildcards.name], EXPORT_KEYS[export_format(wildcards)])


def files_of_export(wildcards):
    """The files that an export's block names."""
    block = settings.catalog.exports[wildcards.name]
    return [file for file in (block.locations, block.metadata) if file is not None]


def training_command(wildcards):
    """The command that makes a training set."""
    kind = settings.catalog.training_sets[wildcards.name].kind
    return "detector-set" if kind == "detector" else kind


def files_of_training_set(wildcards):
    """The answer that says which images a training set is made of, and the file of its labels."""
    block = settings.catalog.training_sets[wildcards.name]
    return {
        "lookup": [] if block.query is None else paths.catalog_query(block.query),
        "labels": [] if block.labels is None else block.labels,
    }


def training_options(wildcards, input):
    """A training set's block as options of its command."""
    block = settings.catalog.training_sets[wildcards.name]
    own = {} if settings.catalog.dataset is None else {settings.catalog.dataset: images_of(settings.lookup).parents[2]}
    images = {} if block.images is None else {**own, **block.images}
    return [
        *options("--images", [f"{dataset}={folder}" for dataset, folder in images.items()]),
        *options("--lookup", [input.lookup] if block.query is not None else []),
        *block_options(block, ("confidence", *TRAINING_KEYS[block.kind])),
    ]
