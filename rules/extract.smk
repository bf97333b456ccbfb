"""
Write subsets of the images, as the lookup tables name them.

IN   lookup/<group>/group_id=N/lookup.parquet, and the shards that it names
OUT  extracted/<group>/group_id=N/part-00000.parquet, ...   images with the lookup table's columns
     extracted/<group>/group_id=N.report.csv                asked = found + missing + duplicates
     extracted/<group>/group_id=N.missing.csv               rows that were not found, with the reason
     extracted/<group>/report.csv                           the counts of every batch
     extracted/<group>/credits.csv, credits.md              who made which image, and under which licence it is
     extracted/<group>/unlicensed.csv                       images that lack a full licence or a creator
     extracted/<group>/category=C/part-00000.parquet, ...   the groups of extract.categories, by museum category
     extracted/<group>/categories.csv                       the files of the category pass
"""


rule extract:
    """Extract every group, and write those of extract.categories by category too."""
    input:
        [paths.extracted(group) / name for group in GROUPS for name in ("report.csv", "credits.csv")],
        [paths.extracted(group) / "categories.csv" for group in settings.extract.categories if group in GROUPS],
        found_for(settings.lookup),
        requests_for_tables(),
    localrule: True


rule extract_batch:
    """Write the images of one lookup batch, reading only the row groups that hold one."""
    input:
        shards=shards_of_lookup_batch,
        lookup=paths.lookup_batch("{group}", "{group_id}"),
    output:
        images=directory(paths.extracted_batch("{group}", "{group_id}")),
        report=paths.extracted("{group}") / "group_id={group_id}.report.csv",
        missing=paths.extracted("{group}") / "group_id={group_id}.missing.csv",
    log:
        paths.logs / "extract" / "{group}" / "group_id={group_id}.log",
    benchmark:
        paths.logs / "benchmarks" / "extract" / "{group}" / "group_id={group_id}.jsonl"
    conda:
        "../envs/treeline.yaml"
    resources:
        **mpi_resources(settings.extract.ranks),
        mem_mb=memory_of("extract_batch"),
    params:
        launcher=mpi_launcher,
        ranks=settings.extract.ranks,
        root=paths.root,
        max_rows=settings.extract.max_rows,
        max_bytes=settings.extract.max_bytes,
    shell:
        """
        {params.launcher} treeline extract batch \
            --lookup {input.lookup:q} \
            --root {params.root:q} \
            --output {output.images:q} \
            --report {output.report:q} \
            --missing {output.missing:q} \
            --max-rows {params.max_rows} \
            --max-bytes {params.max_bytes} \
            --ranks {params.ranks} \
            --log {log:q}
        """


rule report_group:
    """Report on all batches of a group, credit its images, and remove batches that its lookup no longer has."""
    input:
        reports=of_every_lookup_batch(paths.extracted("{group}") / "group_id={group_id}.report.csv"),
        batches=of_every_lookup_batch(paths.extracted_batch("{group}", "{group_id}")),
        manifest=paths.lookup_manifest("{group}"),
    output:
        report=paths.extracted("{group}") / "report.csv",
        credits=[paths.extracted("{group}") / name for name in ("credits.csv", "credits.md", "unlicensed.csv")],
    log:
        paths.logs / "extract" / "{group}" / "report.log",
    benchmark:
        paths.logs / "benchmarks" / "extract" / "{group}" / "report.jsonl"
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("report_group"),
    params:
        folder=subpath(output.report, parent=True),
        root=paths.root,
        urls=paths.urls,
    shell:
        """
        treeline extract group \
            --manifest {input.manifest:q} \
            --folder {params.folder:q} \
            --output {output.report:q} \
            --root {params.root:q} \
            --urls {params.urls:q} \
            --memory-mb {resources.mem_mb} \
            --log {log:q}
        """


rule categorize_group:
    """Write a group's images by category: the first rule that fits a record names it."""
    input:
        report=paths.extracted("{group}") / "report.csv",
        manifest=paths.lookup_manifest("{group}"),
        batches=of_every_lookup_batch(paths.extracted_batch("{group}", "{group_id}")),
        rules=TAXONOMY / "museum_categories.yaml",
    output:
        categories=paths.extracted("{group}") / "categories.csv",
    log:
        paths.logs / "extract" / "{group}" / "categories.log",
    benchmark:
        paths.logs / "benchmarks" / "extract" / "{group}" / "categories.jsonl"
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("categorize_group"),
    params:
        folder=subpath(output.categories, parent=True),
        max_records=settings.extract.records_per_category_file,
    shell:
        """
        treeline extract categories \
            --manifest {input.manifest:q} \
            --folder {params.folder:q} \
            --rules {input.rules:q} \
            --output {output.categories:q} \
            --max-records {params.max_records} \
            --log {log:q}
        """
