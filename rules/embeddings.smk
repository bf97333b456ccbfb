"""
Embed every decoded image with a model, so that what is similar can be found. Part of the stage models, switched on by
`models.embeddings`; docs/models-embeddings.md.

IN   decoded/server_name=S/partition_id=N.tar
     models/<run>/model.onnx                                 or any ONNX file that Treeline has exported
OUT  embeddings/server_name=S/partition_id=N.parquet         one row an image, in the archive's order
     embeddings/server_name=S/partition_id=N.rejected.csv    images without an embedding, with the reason
"""

EMBEDDINGS = paths.embeddings_shard(SERVER, PARTITION)


if settings.models.embeddings:

    rule embed_shard:
        """Embed a shard's images, {params.batch_size} at once; a rerun goes on where a killed job was."""
        input:
            archive=DECODED,
            model=onnx_file(settings.models.embeddings.model),
        output:
            embeddings=EMBEDDINGS,
            rejected=EMBEDDINGS.with_suffix(".rejected.csv"),
        log:
            paths.logs / "embeddings" / f"{SHARD_NAME}.log",
        group:
            cluster_job("embed")
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("embed_shard"),
            runtime=minutes_of_images("embed_shard"),
        params:
            batch_size=settings.models.embeddings.batch_size,
            max_pixels=settings.downloader_parameters.max_image_pixels,
        shell:
            """
            treeline models embed {input.model:q} {input.archive:q} \
                --output {output.embeddings:q} \
                --batch-size {params.batch_size} \
                --max-pixels {params.max_pixels} \
                --threads {threads} \
                --log {log:q}
            """


rule embeddings:
    """Embed every shard, where the configuration names a model."""
    input:
        every_shard(EMBEDDINGS) if settings.models.embeddings else [],
    localrule: True
