"""
Decode download shards into archives of images.

IN   images/server_name=S/partition_id=N/successes.parquet    or, with decode.images_from, those of a tool
     tools/<tool>/verdicts/server_name=S/partition_id=N.parquet   of the tools of decode.keep
OUT  decoded/server_name=S/partition_id=N.tar                  one <uuid>.<ext> and one <uuid>.json an image
     decoded/server_name=S/partition_id=N.tar.index.csv        where each member lies in the tar
     decoded/server_name=S/partition_id=N.undecodable.csv      rows that hold no readable image, with the reason

With `decode.archive: tar.gz` the archives end in .tar.gz; with `folder` they are folders without suffix and index.
"""

ARCHIVE_IS_FOLDER = settings.decode.archive == "folder"


rule decode_shard:
    """Write a shard's images as {params.image_format} into an archive, in the shard's order."""
    input:
        successes=images_of(settings.decode),
        kept_by=verdicts_of(settings.decode),
    output:
        # Written last: the index and the list of the undecodable are there when it is. Each further file here would take
        # 20 MB of Snakemake's memory with 20,000 shards.
        directory(DECODED) if ARCHIVE_IS_FOLDER else DECODED,
    log:
        paths.logs / "decode" / f"{SHARD_NAME}.log",
    group:
        cluster_job("decode")
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("decode_shard"),
        runtime=minutes_of_images("decode_shard"),
    params:
        undecodable=str(paths.undecodable(SERVER, PARTITION)),
        image_format=settings.decode.image_format,
        quality=settings.decode.jpeg_quality,
        max_pixels=settings.downloader_parameters.max_image_pixels,
        kept_by=kept_by,
    shell:
        """
        treeline decode shard \
            --successes {input.successes:q} {params.kept_by:q} \
            --archive {output:q} \
            --undecodable {params.undecodable:q} \
            --format {params.image_format} \
            --quality {params.quality} \
            --max-pixels {params.max_pixels} \
            --log {log:q}
        """


rule decode:
    """Decode every shard."""
    input:
        every_shard(DECODED),
        found_for(settings.decode),
    localrule: True
