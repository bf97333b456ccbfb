"""
What is made of all shards' results, each where a block under `detections` switches it on; docs/detections.md.

IN   detections/server_name=S/partition_id=N.json, decoded/server_name=S/partition_id=N.tar
OUT  detections/merged.json                              all results, where any of the following needs them
     detections/repeats/{candidates,filtered}.json       boxes that recur at a camera; the results without them
     detections/repeats/review/, detections/preview/     pages: to decide which repeats to keep, to look at all
     detections/smoothed.json                            the results, classes smoothed within sequences
     detections/results.{csv,wide.csv,coco.json}         the last of these in other formats
     detections/{evaluation/report.json,sorted/sorted.csv,crops/crops.csv}
"""

AFTER = settings.detections
MERGED, SMOOTHED = paths.detections / "merged.json", paths.detections / "smoothed.json"
FILTERED = paths.detections / "repeats" / "filtered.json"
UNCLASSIFIED = FILTERED if AFTER.repeats else MERGED
UNSMOOTHED = paths.classified if settings.models.classify else UNCLASSIFIED
FINAL = SMOOTHED if AFTER.smooth else UNSMOOTHED
CROPPED = UNCLASSIFIED if settings.models.classify else FINAL  # a classifier may be trained with them
EXPORTS = {"csv-long": "results.csv", "csv-wide": "results.wide.csv", "coco": "results.coco.json"}
LOCATIONS = [AFTER.locations] if AFTER.locations else []
LOCATION_OPTIONS = [*options("--locations", LOCATIONS), *(["--one-location"] if AFTER.one_location else [])]


rule merge_results:
    """Put all shards' results into one file; each image has one entry."""
    input:
        every_shard(DETECTIONS),
        schedule=paths.schedule / "0000.csv",
    output:
        MERGED,
    log:
        paths.logs / "detect" / "merge_results.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("results"),
    params:
        folder=paths.detections,
    shell:
        """
        treeline detections merge {params.folder:q} \
            --output {output:q} \
            --log {log:q}
        """


if AFTER.repeats:

    rule find_repeats:
        """List the boxes that recur at a camera."""
        input:
            results=MERGED,
            locations=LOCATIONS,
        output:
            paths.detections / "repeats" / "candidates.json",
        log:
            paths.logs / "detect" / "find_repeats.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            locations=LOCATION_OPTIONS,
            options=command_options(AFTER.repeats, "decisions"),
        shell:
            """
            treeline detections repeats find {input.results:q} {params.locations:q} {params.options:q} \
                --output {output:q} \
                --log {log:q}
            """

    rule review_repeats:
        """Make the page on which a person decides which candidates to keep."""
        input:
            candidates=paths.detections / "repeats" / "candidates.json",
            archives=every_shard(DECODED),
        output:
            directory(paths.detections / "repeats" / "review"),
        log:
            paths.logs / "detect" / "review_repeats.log",
        conda:
            "../envs/treeline.yaml"
        threads: 2
        resources:
            mem_mb=memory_of("results"),
        params:
            images=paths.decoded,
        shell:
            """
            treeline detections repeats review {input.candidates:q} \
                --images {params.images:q} \
                --threads {threads} \
                --output {output:q} \
                --log {log:q}
            """

    rule remove_repeats:
        """Strike out the repeats, but for those that a person has decided to keep."""
        input:
            results=MERGED,
            candidates=paths.detections / "repeats" / "candidates.json",
            decisions=[AFTER.repeats.decisions] if AFTER.repeats.decisions else [],
        output:
            FILTERED,
        log:
            paths.logs / "detect" / "remove_repeats.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            decisions=option("--decisions", AFTER.repeats.decisions),
        shell:
            """
            treeline detections repeats remove {input.results:q} \
                --candidates {input.candidates:q} {params.decisions} \
                --output {output:q} \
                --log {log:q}
            """


if AFTER.smooth:

    rule smooth_results:
        """Let the most frequent class of a sequence overwrite the rare ones."""
        input:
            results=UNSMOOTHED,
            locations=LOCATIONS,
        output:
            SMOOTHED,
        log:
            paths.logs / "detect" / "smooth.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            locations=LOCATION_OPTIONS,
            options=command_options(AFTER.smooth),
        shell:
            """
            treeline detections smooth {input.results:q} {params.locations:q} {params.options:q} \
                --output {output:q} \
                --log {log:q}
            """


for export in AFTER.export:

    rule:
        name:
            f"export_{export.replace('-', '_')}"
        input:
            FINAL,
        output:
            paths.detections / EXPORTS[export],
        log:
            paths.logs / "detect" / f"export-{export}.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            format=export,
        shell:
            """
            treeline detections convert {input:q} \
                --to {params.format} \
                --output {output:q} \
                --log {log:q}
            """


if AFTER.evaluate:

    rule evaluate_results:
        """Compare with ground truth: precision, recall and average precision, by category and location."""
        input:
            results=FINAL,
            truth=AFTER.evaluate.truth,
            locations=LOCATIONS,
        output:
            paths.detections / "evaluation" / "report.json",
        log:
            paths.logs / "detect" / "evaluate.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            folder=subpath(output[0], parent=True),
            labels=verbatim([f"--label={name}={meaning}" for name, meaning in AFTER.evaluate.labels.items()]),
            locations=options("--locations", LOCATIONS),
            options=command_options(AFTER.evaluate, "truth", "labels"),
        shell:
            """
            treeline detections evaluate {input.results:q} \
                --truth {input.truth:q} {params.labels:q} {params.locations:q} {params.options:q} \
                --output {params.folder:q} \
                --log {log:q}
            """


if AFTER.sort:

    rule sort_images:
        """Sort the images into animal, person, vehicle, animal_person, ..., empty and failed."""
        input:
            results=FINAL,
            archives=every_shard(DECODED),
        output:
            paths.detections / "sorted" / "sorted.csv",
        log:
            paths.logs / "detect" / "sort.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            images=paths.decoded,
            folder=subpath(output[0], parent=True),
            options=command_options(AFTER.sort),
        shell:
            """
            treeline detections sort {input.results:q} \
                --images {params.images:q} {params.options:q} \
                --output {params.folder:q} \
                --log {log:q}
            """


if AFTER.crop:

    rule crop_detections:
        """Cut detections out into archives for training a classifier, split by location."""
        input:
            results=CROPPED,
            archives=every_shard(DECODED),
            locations=LOCATIONS,
        output:
            paths.detections / "crops" / "crops.csv",
        log:
            paths.logs / "detect" / "crop.log",
        conda:
            "../envs/treeline.yaml"
        resources:
            mem_mb=memory_of("results"),
        params:
            images=paths.decoded,
            folder=subpath(output[0], parent=True),
            locations=options("--locations", LOCATIONS),
            options=command_options(AFTER.crop),
        shell:
            """
            treeline detections crop {input.results:q} \
                --images {params.images:q} {params.locations:q} {params.options:q} \
                --output {params.folder:q} \
                --log {log:q}
            """


if AFTER.preview:

    rule preview_detections:
        """Make a gallery of a sample, with boxes and a threshold slider, that opens from a disk."""
        input:
            results=every_shard(DETECTIONS) if FINAL == MERGED else FINAL,
            archives=every_shard(DECODED),
        output:
            directory(paths.detections / "preview"),
        log:
            paths.logs / "detect" / "preview.log",
        conda:
            "../envs/treeline.yaml"
        threads: 2
        resources:
            mem_mb=memory_of("results"),
        params:
            results=paths.detections if FINAL == MERGED else FINAL,
            images=paths.decoded,
            options=command_options(AFTER.preview),
        shell:
            """
            treeline detections preview {params.results:q} {params.images:q} {params.options:q} \
                --threads {threads} \
                --output {output:q} \
                --log {log:q}
            """


AFTER_DETECTION = [
    *([FILTERED, paths.detections / "repeats" / "review"] if AFTER.repeats else []),
    *([SMOOTHED] if AFTER.smooth else []),
    *[paths.detections / EXPORTS[export] for export in AFTER.export],
    *([paths.detections / "evaluation" / "report.json"] if AFTER.evaluate else []),
    *([paths.detections / "sorted" / "sorted.csv"] if AFTER.sort else []),
    *([paths.detections / "crops" / "crops.csv"] if AFTER.crop else []),
    *([paths.detections / "preview"] if AFTER.preview else []),
]
