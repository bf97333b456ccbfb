"""
Put everything that is known of the images, and what others know of theirs, into one database, and make of it what
the configuration names: answers to queries, exports, training sets.

IN   lookup/images.parquet, the shards, detections/detections.parquet, tools/exif/findings/, lookup.metadata;
     and the files that `catalog.sources` names
OUT  catalog/catalog.duckdb           datasets, sequences, images, boxes, videos, classes, splits, ingests
     catalog/tables/<table>.parquet   the same without DuckDB
     catalog/leakage.json             with `catalog.splits`: what images of two splits have in common
     catalog/queries/<name>.parquet   the answer to each of `catalog.queries`
     catalog/exports/<name>/          each of `catalog.exports`
     catalog/training/<name>/         each of `catalog.training_sets`
     catalog/asked/                   what the configuration asked for when these were made

A changed block makes its own output anew, and what depends on it.
"""

OWN = settings.catalog.dataset is not None
HASHES = settings.catalog.splits is not None and "near_duplicates" in TOOLS


rule note_request:
    """Write down what the configuration asks for; of the same request's earlier texts none is left."""
    output:
        paths.catalog_asked("{request}", "{digest}"),
    log:
        paths.logs / "catalog" / "asked" / "{request}" / "{digest}.log",
    wildcard_constraints:
        request=one_of(catalog_requests()),
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        folder=subpath(output[0], parent=True),
        text=text_of_request,
    shell:
        """
        find {params.folder:q} -name '*.json' -delete 2>{log:q}
        printf '%s\\n' {params.text:q} >{output:q}
        """


rule build_catalog:
    """Ingest what has changed since the last time, each source as a whole or not at all; split what has no split."""
    input:
        asked("build"),
        images=paths.lookup_images if OWN else [],
        detections=paths.detections_table if OWN and "detect" in settings.stages else [],
        exif=every_shard(paths.findings("exif", SERVER, PARTITION)) if OWN and "exif" in TOOLS else [],
        metadata=settings.lookup.metadata if OWN and settings.lookup.metadata else [],
        sources=[source.path for source in settings.catalog.sources.values()],
        locations=[source.locations for source in settings.catalog.sources.values() if source.locations],
    output:
        update(paths.catalog),
    log:
        paths.logs / "catalog" / "build.log",
    benchmark:
        paths.logs / "benchmarks" / "catalog" / "build.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        sources=verbatim(catalog_sources()),
        splits=verbatim(options("--splits", SPLITS)),
    shell:
        """
        treeline catalog build {output:q} \
            --sources {params.sources:q} {params.splits:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule catalog_tables:
    """Write the tables as Parquet."""
    input:
        paths.catalog,
    output:
        directory(paths.catalog_tables),
    log:
        paths.logs / "catalog" / "tables.log",
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    shell:
        """
        treeline catalog tables {input:q} \
            --output {output:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule check_splits:
    """List what images of two splits have in common: a location, a sequence, a look. To find some is no failure."""
    input:
        catalog=paths.catalog,
        hashes=every_shard(paths.findings("near_duplicates", SERVER, PARTITION)) if HASHES else [],
    output:
        paths.catalog_leakage,
    log:
        paths.logs / "catalog" / "leakage.log",
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        hashes=options("--hashes", [paths.tool("near_duplicates") / "findings"] if HASHES else []),
    shell:
        """
        treeline catalog leakage {input.catalog:q} {params.hashes:q} \
            --report {output:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q} || [ $? -eq 1 ]
        """


rule answer_query:
    """Ask the catalogue, and keep the answer as a table."""
    input:
        asked("queries/{name}"),
        catalog=paths.catalog,
    output:
        paths.catalog_query("{name}"),
    log:
        paths.logs / "catalog" / "queries" / "{name}.log",
    benchmark:
        paths.logs / "benchmarks" / "catalog" / "queries" / "{name}.jsonl"
    wildcard_constraints:
        name=one_of(settings.catalog.queries),
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        question=question,
    shell:
        """
        treeline query {params.question:q} \
            --catalog {input.catalog:q} \
            --out {output:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule export_catalog:
    """Write the catalogue in the format of others."""
    input:
        asked("exports/{name}"),
        files_of_export,
        catalog=paths.catalog,
    output:
        directory(paths.catalog_export("{name}")),
    log:
        paths.logs / "catalog" / "exports" / "{name}.log",
    benchmark:
        paths.logs / "benchmarks" / "catalog" / "exports" / "{name}.jsonl"
    wildcard_constraints:
        name=one_of(settings.catalog.exports),
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        format=export_format,
        target=export_target,
        options=export_options,
    shell:
        """
        treeline catalog export {params.format} {input.catalog:q} {params.target:q} {params.options:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule make_training_set:
    """Make a detector's or a classifier's training set, or a folder for Hugging Face's datasets."""
    input:
        asked("training/{name}"),
        unpack(files_of_training_set),
        catalog=paths.catalog,
    output:
        directory(paths.catalog_training("{name}")),
    log:
        paths.logs / "catalog" / "training" / "{name}.log",
    benchmark:
        paths.logs / "benchmarks" / "catalog" / "training" / "{name}.jsonl"
    wildcard_constraints:
        name=one_of(settings.catalog.training_sets),
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        command=training_command,
        options=training_options,
    shell:
        """
        treeline catalog {params.command} {input.catalog:q} {params.options:q} \
            --output {output:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule catalog:
    """The catalogue, its tables as Parquet, and what is made of it."""
    input:
        paths.catalog,
        paths.catalog_tables,
        list(catalog_targets(settings).values()),
        all_requests(),
    localrule: True
