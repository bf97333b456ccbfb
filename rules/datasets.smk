"""
Make datasets that people train with and analyse; each is described in a file of its own; docs/datasets-build.md.

IN   config/datasets/<name>.yaml, and the source that it names
OUT  datasets/<name>/plan/<part>.json                           the description in parts
     datasets/<name>/steps/query.parquet                        the answer of the source's query, where it has one
     datasets/<name>/steps/00-source/metadata.h5                the samples, with their labels
     datasets/<name>/steps/01-measure/metadata.h5               what their pixels say
     datasets/<name>/steps/NN-<step>/{metadata.h5,dropped.csv}  after each step of cleaning
     datasets/<name>/{splits.parquet,leakage.json}              which sample is for what, and that nothing leaks
     datasets/<name>/metadata.h5                                the last step's tables, with the splits
     datasets/<name>/{imagefolder,dataset.h5,shards,arrays,lmdb,images.zarr}  the encodings

A job goes by its own part of the description, a file that keeps its time where it would not change: when the options of
one step change, that step and those behind it are done anew, and nothing else.
"""


rule datasets:
    """Make every dataset that the configuration names, with its encodings."""
    input:
        [
            paths.dataset(name) / target
            for name, dataset in DATASETS.items()
            for target in ("metadata.h5", *(TARGETS[encoding.kind] for encoding in dataset.encodings))
        ],
    localrule: True


checkpoint plan_dataset:
    """Take a description apart."""
    input:
        DESCRIPTION,
    output:
        paths.dataset_plan("{dataset}") / "plan.json",
    log:
        DATASET_LOGS / "plan.log",
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        folder=subpath(output[0], parent=True),
    shell:
        """
        treeline datasets plan {input:q} \
            --output {params.folder:q} \
            --log {log:q}
        """


rule dataset_query:
    """Ask the catalogue for the source's images."""
    input:
        part=part_of_description("00-source"),
        catalog=catalog_of_source,
    output:
        ANSWER,
    log:
        DATASET_LOGS / "query.log",
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("catalog"),
    params:
        query=query_of_source,
    shell:
        """
        treeline query {params.query:q} \
            --catalog {input.catalog:q} \
            --out {output:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule dataset_source:
    """List the samples of the source, with their labels."""
    input:
        part=part_of_description("00-source"),
        source=files_of_source,
        description=ancient(DESCRIPTION),
    output:
        paths.dataset_step("{dataset}", 0, "source") / "metadata.h5",
    log:
        DATASET_LOGS / "source.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    params:
        folder=subpath(output[0], parent=True),
        table=table_of_source,
    shell:
        """
        treeline datasets source {input.description:q} {params.table} \
            --output {params.folder:q} \
            --log {log:q}
        """


rule dataset_measure:
    """Measure all samples: sizes, statistics of the channels, times, places on the ground, hashes."""
    input:
        part=part_of_description("01-measure"),
        previous=paths.dataset_step("{dataset}", 0, "source") / "metadata.h5",
        description=ancient(DESCRIPTION),
    output:
        paths.dataset_step("{dataset}", 1, "measure") / "metadata.h5",
    log:
        DATASET_LOGS / "measure.log",
    benchmark:
        paths.logs / "benchmarks" / "datasets" / "{dataset}" / "measure.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("datasets"),
    params:
        folder=subpath(output[0], parent=True),
    shell:
        """
        treeline datasets measure {input.description:q} \
            --previous {input.previous:q} \
            --threads {threads} \
            --output {params.folder:q} \
            --log {log:q}
        """


rule dataset_step:
    """Do the step {wildcards.step} of cleaning; what it drops stands in dropped.csv, with the reason."""
    input:
        part=part_of_description("{step_number}-{step}"),
        previous=metadata_before,
        description=ancient(DESCRIPTION),
    output:
        metadata=paths.dataset_step("{dataset}", "{step_number}", "{step}") / "metadata.h5",
        dropped=paths.dataset_step("{dataset}", "{step_number}", "{step}") / "dropped.csv",
    log:
        DATASET_LOGS / "{step_number}-{step}.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    params:
        number=lambda wildcards: int(wildcards.step_number) - 1,
        folder=subpath(output.metadata, parent=True),
    shell:
        """
        treeline datasets step {input.description:q} \
            --previous {input.previous:q} \
            --number {params.number} \
            --output {params.folder:q} \
            --log {log:q}
        """


rule dataset_split:
    """Divide the samples into train, val and test, and check that nothing leaks from one to another."""
    input:
        part=part_of_description("split"),
        metadata=last_metadata,
        known=earlier_splits,
        description=ancient(DESCRIPTION),
    output:
        splits=paths.dataset("{dataset}") / "splits.parquet",
        leakage=paths.dataset("{dataset}") / "leakage.json",
    log:
        DATASET_LOGS / "split.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    shell:
        """
        treeline datasets split \
            --description {input.description:q} \
            --metadata {input.metadata:q} \
            --splits {output.splits:q} \
            --leakage {output.leakage:q} \
            --log {log:q}
        """


rule dataset_finish:
    """Write the dataset's own metadata: the last step's tables, with the splits."""
    input:
        previous=last_metadata,
        splits=paths.dataset("{dataset}") / "splits.parquet",
    output:
        paths.dataset("{dataset}") / "metadata.h5",
    log:
        DATASET_LOGS / "finish.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    shell:
        """
        treeline datasets finish \
            --previous {input.previous:q} \
            --splits {input.splits:q} \
            --output {output:q} \
            --log {log:q}
        """


rule dataset_in_hdf5:
    """Write the dataset into one HDF5 file."""
    input:
        part=part_of_description("encoding-hdf5"),
        metadata=paths.dataset("{dataset}") / "metadata.h5",
    output:
        paths.dataset("{dataset}") / TARGETS["hdf5"],
    log:
        DATASET_LOGS / f"{TARGETS['hdf5']}.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    params:
        options=lambda wildcards: encoding_options("hdf5", wildcards),
    shell:
        """
        treeline datasets encode {params.options:q} \
            --metadata {input.metadata:q} \
            --output {output:q} \
            --log {log:q}
        """


rule dataset_in_folder:
    """Write the dataset into a folder of one of its other forms."""
    input:
        part=part_of_encoding,
        metadata=paths.dataset("{dataset}") / "metadata.h5",
    output:
        directory(paths.dataset("{dataset}") / "{encoding}"),
    log:
        DATASET_LOGS / "{encoding}.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("datasets"),
    params:
        options=lambda wildcards: encoding_options(KIND_OF_TARGET[wildcards.encoding], wildcards),
    shell:
        """
        treeline datasets encode {params.options:q} \
            --metadata {input.metadata:q} \
            --output {output:q} \
            --log {log:q}
        """
