"""
Turn the table of image URLs into batches, one server and at most `batch_size` rows each.

IN   path_to_input: CSV, TSV (.gz, .zst), Parquet, a folder or glob of them, or a Darwin Core archive
OUT  urls/manifest.parquet   one row a batch: server_name, partition_id, rows, sha256
     urls/rejected.parquet   one row for each input row that is in no batch, with the reason
     urls/removed.parquet    rows of earlier batches that the input no longer has
     urls/server_name=S/partition_id=N/urls.parquet   uuid, identifier, source_id, license, source, title, ...

The batches are no declared outputs: they are the state. New rows become new batches; those that are there stay.
"""


rule partition_urls:
    """Give every URL of the input a uuid, and a batch of its server with at most {params.batch_size} rows."""
    input:
        files_of_input,
    output:
        manifest=paths.manifest,
        rejected=paths.rejected,
    log:
        paths.logs / "initialization.log",
    benchmark:
        paths.logs / "benchmarks" / "partition_urls.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 4
    resources:
        mem_mb=memory_of("partition_urls"),
    params:
        pattern=verbatim(settings.path_to_input),
        folder=paths.urls,
        initializer=verbatim(settings.initializer_type),
        data_sources=verbatim([f"--data-source={name}" for name in settings.initializer_parameters.data_sources]),
        excluded_servers=verbatim(
            [f"--excluded-server={name}" for name in settings.initializer_parameters.excluded_servers]
        ),
        batch_size=settings.downloader_parameters.batch_size,
    shell:
        """
        treeline urls partition \
            --input {params.pattern:q} \
            --output-folder {params.folder:q} \
            --initializer {params.initializer:q} \
            {params.data_sources:q} {params.excluded_servers:q} \
            --batch-size {params.batch_size} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule urls:
    """Make the batches of URLs."""
    input:
        paths.manifest,
    localrule: True
