"""
Find animals, persons and vehicles with MegaDetector, straight from the decoded archives.

IN   decoded/server_name=S/partition_id=N.tar
OUT  detections/server_name=S/partition_id=N.json    MegaDetector results format 1.6
     detections/detections.parquet                   all shards: one row a detection, one for each image without any
"""

from treeline.config_values import CHECKPOINT_SUFFIX
from treeline.detect.model import checkpoint_path

MODEL_CACHE = Path(settings.detector.model_cache).expanduser()
CHECKPOINT = checkpoint_path(settings.detector.model, MODEL_CACHE)
MODEL_IS_NAMED = Path(settings.detector.model).suffix != CHECKPOINT_SUFFIX
MODEL_OPTIONS = ["--model", settings.detector.model, "--model-cache", MODEL_CACHE]
if settings.detector.model_sha256:
    MODEL_OPTIONS += ["--model-sha256", settings.detector.model_sha256]


if MODEL_IS_NAMED:

    rule fetch_model:
        """Fetch the named model into the cache of models, where a node without network finds it."""
        output:
            CHECKPOINT,
        log:
            paths.logs / "detect" / "fetch_model.log",
        localrule: True
        conda:
            "../envs/treeline.yaml"
        params:
            model=MODEL_OPTIONS,
        shell:
            """
            treeline detect fetch-model {params.model:q} \
                --log {log:q}
            """


rule detect_shard:
    """Detect in a shard's images with confidence from {params.threshold}; a rerun goes on where a killed job was."""
    input:
        archive=DECODED,
        # A named model is checked against its checksum each time: that it was fetched anew changes nothing.
        checkpoint=ancient(CHECKPOINT) if MODEL_IS_NAMED else CHECKPOINT,
    output:
        results=DETECTIONS,
    log:
        paths.logs / "detect" / f"{SHARD_NAME}.log",
    group:
        cluster_job("detect")
    conda:
        "../envs/treeline.yaml"
    resources:
        **({"gpu": 1} if settings.detector.device == "cuda" else {}),
        mem_mb=memory_of("detect_shard"),
        runtime=minutes_of_images("detect_shard"),
    params:
        model=MODEL_OPTIONS,
        state_folder=f"{DETECTIONS}.partial",
        threshold=settings.detector.threshold,
        batch_size=settings.detector.batch_size,
        max_pixels=settings.downloader_parameters.max_image_pixels,
        device=settings.detector.device,
    shell:
        """
        treeline detect shard \
            --archive {input.archive:q} \
            --results {output.results:q} \
            {params.model:q} \
            --threshold {params.threshold} \
            --batch-size {params.batch_size} \
            --max-pixels {params.max_pixels} \
            --device {params.device} \
            --threads {threads} \
            --state-folder {params.state_folder:q} \
            --log {log:q}
        """


rule merge_detections:
    """Put all shards' detections into one table."""
    input:
        manifest=paths.manifest,
        schedule=paths.schedule / "0000.csv",
        results=every_shard(DETECTIONS),
    output:
        table=paths.detections_table,
    log:
        paths.logs / "detect" / "merge.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("merge_detections"),
    params:
        ignored=paths.ignored,
        folder=paths.detections,
    shell:
        """
        treeline detect merge \
            --manifest {input.manifest:q} \
            --ignored {params.ignored:q} \
            --detections-folder {params.folder:q} \
            --output {output.table:q} \
            --log {log:q}
        """


rule detect:
    """Detect in every shard, and make the table of all detections and what else the configuration names."""
    input:
        every_shard(DETECTIONS),
        paths.detections_table,
        AFTER_DETECTION,
        found_for(settings.decode),
    localrule: True
