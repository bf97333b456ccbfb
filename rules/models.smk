"""
Train models on the datasets, evaluate, understand, shrink and export them; each experiment is a file; docs/models.md.

IN   config/experiments/<name>.yaml, datasets/<dataset>/
OUT  models/<experiment>/plan.json, models/<run>/options.json     its runs, and what each is trained with
     models/<run>/{config.yaml,env.json,best.ckpt,last.ckpt}      train
     models/<run>/{metrics.csv,experiment.h5,curves/}
     models/<run>/<run>_<dataset>_evaluation.h5                   evaluate
     models/<run>/{report.html,figures/}                          report
     models/<run>/{understanding.json,understanding/}
     models/<run>/{optimise.json,.svg,.png,optimised/}            optimise
     models/<run>/{model.onnx,model.json,README.md}               export
     models/<experiment>/comparison.{csv,svg,png}                 of an experiment with a sweep
     detections/classified.json                                   with models.classify: what the boxes show

A run goes by its own options: when those of one run of a sweep change, that run is done anew, and the comparison.
"""


rule models:
    """Train and evaluate every run, and make of it what the configuration names."""
    input:
        *model_targets(settings, RUNS).values(),
    localrule: True


checkpoint plan_experiment:
    """Take an experiment apart into its runs."""
    input:
        EXPERIMENT,
    output:
        paths.model_plan("{experiment}"),
    log:
        MODEL_LOGS / "{experiment}" / "plan.log",
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        folder=paths.model("."),
    shell:
        """
        treeline models plan {input:q} \
            --output {params.folder:q} \
            --log {log:q}
        """


rule model_train:
    """Train {wildcards.run}; after a kill it goes on where it was."""
    input:
        options=options_of_run,
        samples=samples_of_run,
        metadata=file_of_dataset("metadata.h5"),
        leakage=file_of_dataset("leakage.json"),
        # The normalisation is that of the analysis, and must not depend on whether somebody has asked for it before.
        analysis=file_of_dataset("analysis/recommendations.json"),
        augmentation=augmentation_of_run,
        # They are checked against their checksum each time: that they were fetched anew changes nothing.
        weights=lambda wildcards: ancient(weights_of_run(wildcards)),
        experiment=lambda wildcards: ancient(experiment_file(wildcards)),
    output:
        config=RUN / "config.yaml",
        metrics=RUN / "metrics.csv",
        record=RUN / "experiment.h5",
        environment=RUN / "env.json",
        best=RUN / "best.ckpt",
        last=RUN / "last.ckpt",
        curves=directory(RUN / "curves"),
    log:
        MODEL_LOGS / "{run}" / "train.log",
    benchmark:
        MODEL_BENCHMARKS / "{run}" / "train.jsonl"
    wildcard_constraints:
        run=one_of(name for name, run in RUNS.items() if run.processes == 1),
    conda:
        "../envs/treeline.yaml"
    threads: cores_of_run
    resources:
        mem_mb=memory_of_run,
        runtime=minutes_of_run,
        gpu=gpus_of_run,
    params:
        launcher="",
        dataset=dataset_of_run,
        folder=subpath(output.best, parent=True),
    shell:
        """
        {params.launcher} treeline models train {input.experiment:q} \
            --run {wildcards.run:q} \
            --dataset {params.dataset:q} \
            --output {params.folder:q} \
            --log {log:q}
        """


use rule model_train as model_train_together with:
    wildcard_constraints:
        run=one_of(name for name, run in RUNS.items() if run.processes > 1),
    resources:
        mpi="srun",
        tasks=lambda wildcards: RUNS[wildcards.run].processes,
        nodes=lambda wildcards: experiment_of(wildcards).nodes,
        tasks_per_gpu=1,
        mem_mb=memory_of_run,
        runtime=minutes_of_run,
        gpu=gpus_of_run,
    params:
        launcher=launcher_of_run,
        dataset=dataset_of_run,
        folder=subpath(output.best, parent=True),


rule model_evaluate:
    """Write down what {wildcards.run} gives for each image of the test split: outputs, embeddings, attributions."""
    input:
        best=RUN / "best.ckpt",
        samples=samples_of_run,
        metadata=file_of_dataset("metadata.h5"),
    output:
        RUN / "{run}_{dataset}_evaluation.h5",
    log:
        MODEL_LOGS / "{run}" / "evaluate-{dataset}.log",
    benchmark:
        MODEL_BENCHMARKS / "{run}" / "evaluate-{dataset}.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: cores_of_run
    resources:
        mem_mb=memory_of("model_evaluate"),
        gpu=gpu_of_run,
    params:
        run=subpath(input.best, parent=True),
        dataset=dataset_of_run,
    shell:
        """
        treeline models evaluate {params.run:q} \
            --dataset {params.dataset:q} \
            --output {output:q} \
            --log {log:q}
        """


rule model_report:
    """Show where {wildcards.run} is right and wrong, and why."""
    input:
        best=RUN / "best.ckpt",
        evaluation=evaluation_of_run,
        samples=samples_of_run,
        metadata=file_of_dataset("metadata.h5"),
    output:
        report=RUN / "report.html",
        figures=directory(RUN / "figures"),
        findings=RUN / "understanding.json",
        tables=directory(RUN / "understanding"),
    log:
        MODEL_LOGS / "{run}" / "report.log",
    benchmark:
        MODEL_BENCHMARKS / "{run}" / "report.jsonl"
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("model_report"),
    params:
        run=subpath(input.best, parent=True),
        dataset=dataset_of_run,
    shell:
        """
        treeline models report {params.run:q} \
            --evaluation {input.evaluation:q} \
            --dataset {params.dataset:q} \
            --output {output.report:q} \
            --log {log:q}
        """


rule model_optimise:
    """Make {wildcards.run} smaller and faster in several ways, and measure what each costs."""
    input:
        best=RUN / "best.ckpt",
        samples=samples_of_run,
        metadata=file_of_dataset("metadata.h5"),
    output:
        measured=RUN / "optimise.json",
        svg=RUN / "optimise.svg",
        png=RUN / "optimise.png",
        models=directory(RUN / "optimised"),
    log:
        MODEL_LOGS / "{run}" / "optimise.log",
    benchmark:
        MODEL_BENCHMARKS / "{run}" / "optimise.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: cores_of_run
    resources:
        mem_mb=memory_of("model_optimise"),
    params:
        run=subpath(input.best, parent=True),
        dataset=dataset_of_run,
    shell:
        """
        treeline models optimise {params.run:q} \
            --dataset {params.dataset:q} \
            --output {params.run:q} \
            --log {log:q}
        """


rule model_export:
    """Write {wildcards.run} as an ONNX file that needs no torch, checked against the original, with its model card."""
    input:
        best=RUN / "best.ckpt",
        evaluation=evaluation_of_run,
        samples=samples_of_run,
        metadata=file_of_dataset("metadata.h5"),
    output:
        model=RUN / "model.onnx",
        checks=RUN / "model.json",
        card=RUN / "README.md",
    log:
        MODEL_LOGS / "{run}" / "export.log",
    benchmark:
        MODEL_BENCHMARKS / "{run}" / "export.jsonl"
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("model_export"),
    params:
        run=subpath(input.best, parent=True),
        dataset=dataset_of_run,
    shell:
        """
        treeline models export {params.run:q} \
            --dataset {params.dataset:q} \
            --output {params.run:q} \
            --log {log:q}
        """


rule model_compare:
    """Put the runs of {wildcards.experiment} side by side: what each changes, and what came of it."""
    input:
        metrics=metrics_of_sweep,
        evaluations=evaluations_of_sweep,
    output:
        table=paths.model("{experiment}") / "comparison.csv",
        svg=paths.model("{experiment}") / "comparison.svg",
        png=paths.model("{experiment}") / "comparison.png",
    log:
        MODEL_LOGS / "{experiment}" / "compare.log",
    wildcard_constraints:
        experiment=one_of(SWEEPS),
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("model_compare"),
    params:
        runs=folders_of_sweep,
        benchmarks=MODEL_BENCHMARKS,
        folder=subpath(output.table, parent=True),
    shell:
        """
        treeline models compare {params.runs:q} \
            --output {params.folder:q} \
            --benchmarks {params.benchmarks:q} \
            --log {log:q}
        """


if settings.models.classify:

    rule model_classify:
        """Say what the detector's boxes show, and put it into its results."""
        input:
            model=onnx_file(settings.models.classify),
            results=UNCLASSIFIED,
            archives=every_shard(DECODED),
        output:
            paths.classified,
        log:
            MODEL_LOGS / "classify.log",
        benchmark:
            MODEL_BENCHMARKS / "classify.jsonl"
        conda:
            "../envs/treeline.yaml"
        threads: 2
        resources:
            mem_mb=memory_of("model_classify"),
            runtime=MOST_MINUTES,
        params:
            images=paths.decoded,
            crops=crop_options(),
        shell:
            """
            treeline models classify {input.model:q} {params.crops:q} \
                --detections {input.results:q} \
                --images {params.images:q} \
                --threads {threads} \
                --output {output:q} \
                --log {log:q}
            """
