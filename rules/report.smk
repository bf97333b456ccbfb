"""
Tell what became of every row: one page, and the tables that it is drawn from.

IN   whatever the stages of the configuration have made
OUT  reports/index.html               the page: docs/report.md
     reports/figures/                 its figures by themselves
     reports/tables/<table>.parquet   the numbers behind it, and the same as <table>.csv
     reports/configuration.json       the configuration that it goes by, without the lines of `header`
     logs/rules.json                  what each rule asks for; noted when Snakemake starts
"""

REPORT_LOGS = paths.logs / "report"


onstart:
    note_rules(workflow.rules, wildcards_of_large_jobs(), paths.logs / "rules.json")


rule report:
    """Make the report."""
    input:
        paths.report_page,
    localrule: True


rule measure_report:
    """Make the tables of all that is there once every other stage is done."""
    input:
        [made_last(stage) for stage in settings.stages if stage != "report"],
    output:
        tables=directory(paths.report_tables),
        configuration=paths.reports / "configuration.json",
    log:
        REPORT_LOGS / "measure.log",
    benchmark:
        paths.logs / "benchmarks" / "report" / "measure.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("report"),
    params:
        configuration=verbatim(
            settings.model_dump_json(exclude={"downloader_parameters": {"header"}}, exclude_unset=True)
        ),
    shell:
        """
        printf '%s\\n' {params.configuration:q} >{output.configuration:q}
        treeline report measure \
            --config {output.configuration:q} \
            --memory-mb {resources.mem_mb} \
            --threads {threads} \
            --log {log:q}
        """


rule draw_report:
    """Draw the page."""
    input:
        paths.report_tables,
    output:
        page=report(
            paths.report_page,
            caption="../resources/report/page.rst",
            category="Treeline",
            labels={"page": "what became of every row"},
        ),
        figures=directory(paths.reports / "figures"),
    log:
        REPORT_LOGS / "page.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("report"),
    shell:
        """
        treeline report page {input:q} \
            --output {output.page:q} \
            --log {log:q}
        """
