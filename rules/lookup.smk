"""
Find out which shard holds which image, for groups of images.

IN   images/server_name=S/partition_id=N/successes.parquet    or, with lookup.images_from, those of a tool
     tools/<tool>/verdicts/server_name=S/partition_id=N.parquet   of the tools of lookup.keep
     detections/detections.parquet            if lookup.detections is on
     urls/server_name=S/partition_id=N/urls.parquet   if a group asks for creators or licences
     the occurrence table lookup.metadata, and the groups' definitions in lookup.groups_folder
OUT  lookup/images.parquet                    every image with the shard that holds it
     lookup/<group>/group_id=N/lookup.parquet the group's images of at most n_max_files_per_batch shards, with metadata
     lookup/<group>/group_id=N/paths.txt      those shards
     lookup/<group>/manifest.csv              the group's batches
     lookup/report.csv                        images that each group has seen, let pass and kept
     lookup/duplicate_source_ids.parquet      occurrences that the metadata has several times

A batch that would not change keeps its bytes and its time, so that what was extracted from it stays valid.
"""


rule lookup:
    """Make the lookup tables of every group."""
    input:
        [paths.lookup_manifest(group) for group in GROUPS],
        found_for(settings.lookup),
        requests_for_tables(),
    localrule: True


rule scan_shards:
    """List every downloaded image with its shard, in one scan that reads no image."""
    input:
        manifest=paths.manifest,
        schedule=paths.schedule / "0000.csv",
        successes=every_shard(images_of(settings.lookup)),
        verdicts=every_shard(*verdicts_of(settings.lookup)),
    output:
        images=paths.lookup_images,
    log:
        paths.logs / "lookup" / "scan.log",
    benchmark:
        paths.logs / "benchmarks" / "lookup" / "scan.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        **mpi_resources(settings.lookup.scan_ranks),
        mem_mb=memory_of("scan_shards"),
    params:
        launcher=mpi_launcher,
        ranks=settings.lookup.scan_ranks,
        ignored=paths.ignored,
        images=images_of(settings.lookup).parents[2],
        kept_by=options("--kept-by", [paths.tool(tool) / "verdicts" for tool in settings.lookup.keep]),
        root=paths.root,
    shell:
        """
        {params.launcher} treeline lookup scan \
            --manifest {input.manifest:q} \
            --ignored {params.ignored:q} \
            --images {params.images:q} {params.kept_by:q} \
            --output {output.images:q} \
            --root {params.root:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --ranks {params.ranks} \
            --log {log:q}
        """


checkpoint create_lookup_tables:
    """Join the images with the metadata and the detections, and write the batches of every group."""
    input:
        images=paths.lookup_images,
        groups=GROUP_FILES,
        tables=[group.definition.table for group in DEFINITIONS if group.definition.table],
        taxonomy=sorted(TAXONOMY.glob("*.yaml")),
        metadata=settings.lookup.metadata or [],
        detections=paths.detections_table if settings.lookup.detections else [],
    output:
        manifests=[paths.lookup_manifest(group) for group in GROUPS],
        report=paths.lookup_report,
        duplicates=paths.lookup / "duplicate_source_ids.parquet",
    log:
        paths.logs / "lookup" / "groups.log",
    benchmark:
        paths.logs / "benchmarks" / "lookup" / "groups.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("create_lookup_tables"),
    params:
        folder=paths.lookup,
        urls=paths.urls,
        taxonomy=TAXONOMY,
        metadata=verbatim(option("--metadata", settings.lookup.metadata)),
        detections=option("--detections", paths.detections_table if settings.lookup.detections else None),
        max_files=settings.lookup.n_max_files_per_batch,
    shell:
        """
        treeline lookup groups {input.groups:q} \
            --folder {params.folder:q} \
            --urls {params.urls:q} \
            --taxonomy {params.taxonomy:q} {params.metadata} {params.detections} \
            --max-files {params.max_files} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """
