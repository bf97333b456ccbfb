"""
Tools that make images, and what photos say of themselves: a part of the stage tools, whose rules on verdicts are in tools.smk.

IN   images/server_name=S/partition_id=N/successes.parquet, or a tool's new images
OUT  tools/{resize,crop_to_boxes}/images/server_name=S/partition_id=N/{successes,errors}.parquet   new shards
     tools/crop_to_boxes/boxes/server_name=S/partition_id=N.parquet        the box of each crop
     tools/exif/exif.parquet                                      when, where and with which camera photos were taken
"""

if "resize" in TOOLS:

    rule resize_shard:
        """Make a shard of smaller images."""
        input:
            successes=images_of(TOOLS["resize"]),
            kept_by=verdicts_of(TOOLS["resize"]),
        output:
            successes=paths.shard_images("resize", SERVER, PARTITION),
            errors=paths.shard_images("resize", SERVER, PARTITION).with_name("errors.parquet"),
        log:
            paths.logs / "tools" / "resize" / f"{SHARD_NAME}.log",
        group:
            cluster_job("tools-resize")
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("resize"),
            runtime=minutes_of_images("resize"),
        params:
            kept_by=kept_by,
            parameters=parameters_of("resize"),
            max_pixels=MAX_PIXELS,
        shell:
            """
            treeline tools resize \
                --successes {input.successes:q} {params.kept_by:q} \
                --parameters {params.parameters:q} \
                --max-pixels {params.max_pixels} \
                --output {output.successes:q} \
                --errors {output.errors:q} \
                --log {log:q}
            """


if "crop_to_boxes" in TOOLS:

    rule crop_shard:
        """Make a shard of the boxes' images."""
        input:
            successes=images_of(TOOLS["crop_to_boxes"]),
            kept_by=verdicts_of(TOOLS["crop_to_boxes"]),
            boxes=TOOLS["crop_to_boxes"].boxes or DETECTIONS,
        output:
            successes=paths.shard_images("crop_to_boxes", SERVER, PARTITION),
            errors=paths.shard_images("crop_to_boxes", SERVER, PARTITION).with_name("errors.parquet"),
            boxes=paths.tool("crop_to_boxes") / "boxes" / f"{SHARD_NAME}.parquet",
        log:
            paths.logs / "tools" / "crop_to_boxes" / f"{SHARD_NAME}.log",
        group:
            cluster_job("tools-crop")
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("crop_to_boxes"),
            runtime=minutes_of_images("crop_to_boxes"),
        params:
            kept_by=kept_by,
            parameters=parameters_of("crop_to_boxes"),
            detections="" if TOOLS["crop_to_boxes"].boxes else "--detections",
            max_pixels=MAX_PIXELS,
        shell:
            """
            treeline tools crop \
                --successes {input.successes:q} {params.kept_by:q} \
                --boxes {input.boxes:q} {params.detections} \
                --parameters {params.parameters:q} \
                --max-pixels {params.max_pixels} \
                --output {output.successes:q} \
                --errors {output.errors:q} \
                --crops {output.boxes:q} \
                --log {log:q}
            """


if "exif" in TOOLS:

    rule read_exif:
        """Read what a shard's photos say of themselves."""
        input:
            successes=images_of(TOOLS["exif"]),
            kept_by=verdicts_of(TOOLS["exif"]),
        output:
            paths.findings("exif", SERVER, PARTITION),
        log:
            paths.logs / "tools" / "exif" / f"{SHARD_NAME}.log",
        group:
            cluster_job("tools-exif")
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("exif"),
            runtime=minutes_of_images("exif"),
        params:
            kept_by=kept_by,
        shell:
            """
            treeline tools exif \
                --successes {input.successes:q} {params.kept_by:q} \
                --output {output:q} \
                --log {log:q}
            """

    rule merge_exif:
        """Put together what all photos say of themselves."""
        input:
            manifest=paths.manifest,
            schedule=paths.schedule / "0000.csv",
            findings=every_shard(paths.findings("exif", SERVER, PARTITION)),
        output:
            paths.tool("exif") / "exif.parquet",
        log:
            paths.logs / "tools" / "exif" / "merge.log",
        localrule: True
        conda:
            "../envs/treeline.yaml"
        params:
            ignored=paths.ignored,
            findings=paths.tool("exif") / "findings",
        shell:
            """
            treeline tools merge \
                --manifest {input.manifest:q} \
                --ignored {params.ignored:q} \
                --findings {params.findings:q} \
                --output {output:q} \
                --log {log:q}
            """
