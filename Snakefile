"""
Treeline: URL table -> batches -> shards -> tools -> decoded tars -> detections -> lookup tables -> extracted subsets, a catalogue of all of
it, datasets, models, and a report.

Each stage has its rules in rules/<stage>.smk, its code in scripts/treeline/<stage>/, and a target of its own name:
`snakemake download`, `snakemake detect`, ... Plain `snakemake` makes every stage that `stages` in the configuration lists.
"""

from snakemake.utils import min_version

min_version("9.27")


if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/common_catalog.smk"
include: "rules/resources.smk"
include: "rules/urls.smk"
include: "rules/download.smk"
include: "rules/tools.smk"
include: "rules/tools_images.smk"
include: "rules/decode.smk"
include: "rules/detections.smk"
include: "rules/detect.smk"
include: "rules/lookup.smk"
include: "rules/extract.smk"
include: "rules/catalog.smk"
include: "rules/datasets_inputs.smk"
include: "rules/datasets.smk"
include: "rules/analyze.smk"
include: "rules/models_inputs.smk"
include: "rules/models.smk"
include: "rules/embeddings.smk"
include: "rules/report_inputs.smk"
include: "rules/report.smk"


rule all:
    """Make every stage that the configuration switches on."""
    default_target: True
    input:
        [getattr(rules, stage).input for stage in settings.stages],
    localrule: True
