"""
Analyse the datasets that the configuration names: what their images and labels are like, and what that advises.

IN   datasets/<name>/metadata.h5, and the images that it names
OUT  datasets/<name>/analysis/tables/<table>.parquet  docs/analyze.md
     datasets/<name>/analysis/analysis.h5             the same in one file
     datasets/<name>/analysis/recommendations.json    crop size, normalisation, class weights, suspicious images
     datasets/<name>/analysis/report.html             docs/analyze-report.md
     datasets/<name>/analysis/figures/                the report's figures by themselves
"""

ANALYSIS = paths.dataset_analysis("{dataset}")


rule analyze:
    """The analysis of every dataset, with its report."""
    input:
        [paths.dataset_analysis(name) / "report.html" for name in DATASETS],
    localrule: True


rule analyze_measure:
    """Measure all images in one pass, and count the labels."""
    input:
        paths.dataset("{dataset}") / "metadata.h5",
    output:
        tables=directory(ANALYSIS / "tables"),
        hdf5=ANALYSIS / "analysis.h5",
        recommendations=ANALYSIS / "recommendations.json",
    log:
        DATASET_LOGS / "analyze.log",
    benchmark:
        paths.logs / "benchmarks" / "analyze" / "{dataset}.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("analyze"),
    params:
        folder=subpath(output.hdf5, parent=True),
    shell:
        """
        treeline analyze measure {input:q} \
            --output {params.folder:q} \
            --workers {threads} \
            --log {log:q}
        """


rule analyze_report:
    """Draw the report."""
    input:
        tables=ANALYSIS / "tables",
        recommendations=ANALYSIS / "recommendations.json",
    output:
        report=ANALYSIS / "report.html",
        figures=directory(ANALYSIS / "figures"),
    log:
        DATASET_LOGS / "report.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("analyze"),
    params:
        folder=subpath(output.report, parent=True),
    shell:
        """
        treeline analyze report {params.folder:q} \
            --output {output.report:q} \
            --log {log:q}
        """
