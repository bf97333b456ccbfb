"""
Put everything that is known of the images, and what others know of theirs, into one database.

IN   lookup/images.parquet, the shards, detections/detections.parquet, tools/exif/findings/, lookup.metadata;
     and the files that `catalog.sources` names
OUT  catalog/catalog.duckdb         datasets, sequences, images, boxes, videos, classes, splits, ingests
     catalog/tables/<table>.parquet the same without DuckDB
"""

OWN = settings.catalog.dataset is not None


rule build_catalog:
    """Ingest what has changed since the last time; each source as a whole or not at all."""
    input:
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
    shell:
        """
        treeline catalog build {output:q} \
            --sources {params.sources:q} \
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


rule catalog:
    """The catalogue, and its tables as Parquet."""
    input:
        paths.catalog,
        paths.catalog_tables,
    localrule: True
