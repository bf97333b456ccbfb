"""
Run tools over the shards: verdicts on images, new images, and what photos say of themselves. No tool changes a shard.

IN   images/server_name=S/partition_id=N/successes.parquet, or a tool's new images
OUT  tools/<tool>/verdicts/server_name=S/partition_id=N.parquet   uuid, verdict, value, reason: of each tool that judges
     tools/<tool>/report.csv                                      images that it keeps and drops, by shard
     tools/{duplication_based,near_duplicates}/duplicates.parquet the images of the whole collection that repeat another
     tools/near_duplicates/findings/server_name=S/partition_id=N.parquet   perceptual hashes
     tools/{resize,crop_to_boxes}/images/server_name=S/partition_id=N/{successes,errors}.parquet   new shards
     tools/crop_to_boxes/boxes/server_name=S/partition_id=N.parquet        the box of each crop
     tools/exif/exif.parquet                                      when, where and with which camera photos were taken

A tool runs where tools_parameters has a block for it. `keep` and `images_from` chain tools and later stages.
"""

MAKERS = [tool for tool in ("resize", "crop_to_boxes") if tool in TOOLS]
MAX_PIXELS = settings.downloader_parameters.max_image_pixels


rule tools:
    """Run every tool that is switched on."""
    input:
        [paths.tool(tool) / "report.csv" for tool in JUDGES],
        every_shard(
            *[paths.verdicts(tool, SERVER, PARTITION) for tool in JUDGES],
            *[paths.shard_images(tool, SERVER, PARTITION) for tool in MAKERS],
        ),
        [paths.tool("exif") / "exif.parquet"] if "exif" in TOOLS else [],
    localrule: True


for tool in JUDGES:
    if tool not in FINDERS:

        rule:
            name:
                f"judge_{tool}"
            input:
                successes=images_of(TOOLS[tool]),
                kept_by=verdicts_of(TOOLS[tool]),
                files=files_of(TOOLS[tool]),
            output:
                paths.verdicts(tool, SERVER, PARTITION),
            log:
                paths.logs / "tools" / tool / f"{SHARD_NAME}.log",
            group:
                cluster_job(f"tools-{tool}")
            conda:
                "../envs/treeline.yaml"
            resources:
                mem_mb=memory_of("judge"),
                runtime=minutes_of_images("judge"),
            params:
                tool=tool,
                kept_by=kept_by,
                parameters=parameters_of(tool),
                max_pixels=MAX_PIXELS,
            shell:
                """
                treeline tools judge \
                    --tool {params.tool} \
                    --successes {input.successes:q} {params.kept_by:q} \
                    --parameters {params.parameters:q} \
                    --max-pixels {params.max_pixels} \
                    --output {output:q} \
                    --log {log:q}
                """

    else:

        rule:
            name:
                f"judge_{tool}"
            input:
                successes=images_of(TOOLS[tool]),
                kept_by=verdicts_of(TOOLS[tool]),
                duplicates=ancient(paths.tool(tool) / "duplicates.parquet"),
            output:
                paths.verdicts(tool, SERVER, PARTITION),
            log:
                paths.logs / "tools" / tool / f"{SHARD_NAME}.log",
            group:
                cluster_job(f"tools-{tool}")
            conda:
                "../envs/treeline.yaml"
            resources:
                mem_mb=memory_of("judge"),
                runtime=minutes_of_images("judge"),
            params:
                kept_by=kept_by,
            shell:
                """
                treeline tools judge-repeats \
                    --successes {input.successes:q} {params.kept_by:q} \
                    --duplicates {input.duplicates:q} \
                    --output {output:q} \
                    --log {log:q}
                """

    rule:
        name:
            f"report_{tool}"
        input:
            manifest=paths.manifest,
            schedule=paths.schedule / "0000.csv",
            verdicts=verdicts_once_found(tool),
        output:
            paths.tool(tool) / "report.csv",
        log:
            paths.logs / "tools" / tool / "report.log",
        localrule: True
        conda:
            "../envs/treeline.yaml"
        params:
            ignored=paths.ignored,
            verdicts=paths.tool(tool) / "verdicts",
        shell:
            """
            treeline tools report \
                --manifest {input.manifest:q} \
                --ignored {params.ignored:q} \
                --verdicts {params.verdicts:q} \
                --output {output:q} \
                --log {log:q}
            """


if "duplication_based" in TOOLS:

    checkpoint find_duplication_based:
        """Find the images whose original bytes are those of an earlier one, in the whole collection."""
        input:
            manifest=paths.manifest,
            schedule=paths.schedule / "0000.csv",
            successes=every_shard(images_of(TOOLS["duplication_based"])),
            kept_by=every_shard(*verdicts_of(TOOLS["duplication_based"])),
            files=files_of(TOOLS["duplication_based"]),
        output:
            paths.tool("duplication_based") / "duplicates.parquet",
        log:
            paths.logs / "tools" / "duplication_based" / "find.log",
        benchmark:
            paths.logs / "benchmarks" / "tools" / "duplication_based.jsonl"
        conda:
            "../envs/treeline.yaml"
        threads: 2
        resources:
            mem_mb=memory_of("find_duplicates"),
        params:
            ignored=paths.ignored,
            images=images_of(TOOLS["duplication_based"]).parents[2],
            kept_by=options("--kept-by", [paths.tool(tool) / "verdicts" for tool in TOOLS["duplication_based"].keep]),
            verdicts=paths.tool("duplication_based") / "verdicts",
            parameters=parameters_of("duplication_based"),
        shell:
            """
            treeline tools duplicates \
                --manifest {input.manifest:q} \
                --ignored {params.ignored:q} \
                --images {params.images:q} {params.kept_by:q} \
                --verdicts {params.verdicts:q} \
                --parameters {params.parameters:q} \
                --memory-mb {resources.mem_mb} \
                --threads {threads} \
                --output {output:q} \
                --log {log:q}
            """


if "near_duplicates" in TOOLS:

    rule hash_shard:
        """Hash a shard's images by what they look like."""
        input:
            successes=images_of(TOOLS["near_duplicates"]),
            kept_by=verdicts_of(TOOLS["near_duplicates"]),
        output:
            paths.findings("near_duplicates", SERVER, PARTITION),
        log:
            paths.logs / "tools" / "near_duplicates" / "hash" / f"{SHARD_NAME}.log",
        group:
            cluster_job("tools-hash")
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("hash"),
            runtime=minutes_of_images("hash"),
        params:
            kept_by=kept_by,
            max_pixels=MAX_PIXELS,
        shell:
            """
            treeline tools hash \
                --successes {input.successes:q} {params.kept_by:q} \
                --max-pixels {params.max_pixels} \
                --output {output:q} \
                --log {log:q}
            """

    checkpoint find_near_duplicates:
        """Find the images that look like an earlier one, in the whole collection."""
        input:
            manifest=paths.manifest,
            schedule=paths.schedule / "0000.csv",
            findings=every_shard(paths.findings("near_duplicates", SERVER, PARTITION)),
        output:
            paths.tool("near_duplicates") / "duplicates.parquet",
        log:
            paths.logs / "tools" / "near_duplicates" / "find.log",
        benchmark:
            paths.logs / "benchmarks" / "tools" / "near_duplicates.jsonl"
        conda:
            "../envs/treeline.yaml"
        threads: 2
        resources:
            mem_mb=memory_of("find_near_duplicates"),
        params:
            ignored=paths.ignored,
            findings=paths.tool("near_duplicates") / "findings",
            verdicts=paths.tool("near_duplicates") / "verdicts",
            parameters=parameters_of("near_duplicates"),
        shell:
            """
            treeline tools near-duplicates \
                --manifest {input.manifest:q} \
                --ignored {params.ignored:q} \
                --findings {params.findings:q} \
                --verdicts {params.verdicts:q} \
                --parameters {params.parameters:q} \
                --memory-mb {resources.mem_mb} \
                --threads {threads} \
                --output {output:q} \
                --log {log:q}
            """
