"""
Put everything that is known of the images, and what others know of theirs, into one database.

IN   lookup/images.parquet, the shards, detections/detections.parquet, tools/exif/findings/, lookup.metadata;
     and the files that `catalog.sources` names
OUT  catalog/catalog.duckdb         datasets, sequences, images, boxes, videos, classes, splits, ingests
     catalog/tables/<table>.parquet the same without DuckDB
"""

CATALOG = settings.catalog
COLLECTION_TABLES = {
    **({"detections": paths.detections_table} if "detect" in settings.stages else {}),
    **({"exif": paths.tool("exif") / "findings"} if "exif" in TOOLS else {}),
    **({"metadata": settings.lookup.metadata} if settings.lookup.metadata else {}),
}


def catalog_sources():
    """What `treeline catalog build` is to ingest."""
    sources = []
    if CATALOG.dataset is not None:
        own = CATALOG.model_dump(include={"dataset", "access", "columns", "labels"})
        tables = {"root": paths.root, **COLLECTION_TABLES}
        sources.append({"name": "collection", "format": "shards", "path": paths.lookup_images, "tables": tables, **own})
    for name, source in CATALOG.sources.items():
        given = source.model_dump(exclude={"strict", "locations"})
        tables = {"locations": source.locations} if source.locations else {}
        sources.append({"name": name, "is_strict": source.strict, "tables": tables, **given})
    return json.dumps(sources, default=str)


rule build_catalog:
    """Ingest what has changed since the last time; each source as a whole or not at all."""
    input:
        images=paths.lookup_images if CATALOG.dataset else [],
        detections=COLLECTION_TABLES.get("detections", []) if CATALOG.dataset else [],
        exif=every_shard(paths.findings("exif", SERVER, PARTITION)) if CATALOG.dataset and "exif" in TOOLS else [],
        metadata=settings.lookup.metadata or [],
        sources=[source.path for source in CATALOG.sources.values()],
        locations=[source.locations for source in CATALOG.sources.values() if source.locations],
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
